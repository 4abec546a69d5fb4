import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { sql } from "../../src/project/sql.ts";
import { until } from "../support/until.ts";
import { rows, serveProject } from "./served-project.ts";
import type { ServedProject } from "./served-project.ts";

/** Milliseconds: long enough for a machine that is busy with other things. */
const STALLED = 1_000;

const large = defineEndpoint("large", {
  limits: { rows: 100_000_000, bytes: 1_000_000_000, time: 60_000 },
  query: () => sql`SELECT number, repeat('x', 100) AS text FROM numbers(400000)`,
});

/** Small enough to be put together, larger than what the system takes at once. */
const medium = defineEndpoint("medium", {
  query: () => sql`SELECT number, repeat('x', 100) AS text FROM numbers(25000)`,
});

describe("clients that don't take their answer", () => {
  let served: ServedProject;
  const sockets: { destroy(): void }[] = [];

  const statusesOf = (endpoint: string) =>
    served.answered.filter((one) => one.endpoint === endpoint).map((one) => one.status);

  /** Asks and reads nothing. */
  async function ask(path: string) {
    const { hostname, port } = new URL(served.url);
    const socket = connect({ host: hostname, port: Number(port) });
    sockets.push(socket);
    await once(socket, "connect");
    socket.pause();
    // The end comes as an error, which is what is waited for elsewhere.
    socket.on("error", () => {});
    socket.write(requestOf(path));
    return socket;
  }

  function requestOf(path: string): string {
    return `GET /v1/endpoints/${path} HTTP/1.1\r\nHost: ${new URL(served.url).host}\r\n\r\n`;
  }

  beforeAll(async () => {
    served = await serveProject([large, medium, rows], { stalledClientMax: STALLED });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await served.close();
  });

  it("are cut off, and leave the store's sessions to others", async () => {
    for (let client = 0; client < 6; client++) await ask("large?format=ndjson");
    // Three sessions: without a limit these would wait for the time limit of a minute.
    const response = await fetch(`${served.url}/v1/endpoints/rows`, { signal: AbortSignal.timeout(15_000) });
    expect(await response.json()).toMatchObject({ rows: 0 });
    await until(() => statusesOf("large").filter((status) => status === "cut").length === 6, {
      timeout: 20_000,
    });
  });

  it("are cut off from answers that were put together, too", async () => {
    const socket = await ask("medium?format=ndjson");
    // One such answer fits into the system's buffers; many don't.
    for (let again = 0; again < 15; again++) socket.write(requestOf("medium?format=ndjson"));
    await until(() => statusesOf("medium").includes("cut"));
    expect(statusesOf("medium").filter((status) => status === 200).length).toBeGreaterThan(0);
  });

  it("aren't confused with those that are slow but take something", async () => {
    const start = performance.now();
    const response = await fetch(`${served.url}/v1/endpoints/large?format=ndjson`);
    let length = 0;
    let rest = 0;
    // A megabyte each 25th of the time: the whole takes longer than a client may take nothing.
    let pauses = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      rest += chunk.length;
      if (rest < 1_000_000) continue;
      rest = 0;
      pauses += 1;
      await until(() => performance.now() - start > (pauses * STALLED) / 25);
    }
    expect(length).toBeGreaterThan(40_000_000);
    expect(performance.now() - start).toBeGreaterThan(STALLED);
  });
});
