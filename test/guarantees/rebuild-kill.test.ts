import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { counts, rows } from "./stored.ts";

const ROUNDS = 8;
const EVENTS = 60_000;
const PROJECT = join(import.meta.dirname, "kill-project");

let data: string;
let server: ServerProcess | undefined;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "headrace-rebuild-kill-"));
});
afterAll(async () => {
  await server?.stop("SIGKILL");
  await rm(data, { recursive: true, force: true });
});

const eventOf = (n: number) =>
  `${JSON.stringify({ n, writer: "w", at: "2026-01-01T00:00:00Z", big: n, text: "x".repeat(20) })}\n`;

async function send(url: string, from: number, to: number): Promise<void> {
  const body = Array.from({ length: to - from }, (_, index) => eventOf(from + index)).join("");
  const headers = { "content-type": "application/x-ndjson" };
  const answer = await fetch(`${url}/v1/streams/unique/events`, { method: "POST", headers, body });
  expect(answer.status).toBe(202);
}

const rebuild = (url: string, query = "") =>
  fetch(`${url}/v1/streams/unique/rebuild${query}`, { method: "POST" });

async function latest(url: string): Promise<Record<string, unknown> | null> {
  const answer = (await (await fetch(`${url}/v1/streams/unique`)).json()) as {
    rebuild: Record<string, unknown> | null;
  };
  return answer.rebuild;
}

test(
  `killed ${ROUNDS} times with kill -9 at any moment of a rebuild: one whole table, each event once, nothing left behind`,
  { timeout: 240_000 },
  async () => {
    server = await startServerProcess({ project: PROJECT, data });
    let sent = 0;
    for (; sent < EVENTS; sent += 20_000) await send(server.url, sent, sent + 20_000);
    await until(async () => (await counts(server?.url ?? "", "unique")).events === EVENTS, {
      timeout: 30_000,
    });

    const begun = performance.now();
    expect((await rebuild(server.url)).status).toBe(202);
    expect((await rebuild(server.url)).status).toBe(409);
    const { url } = server;
    await until(async () => (await latest(url))?.["state"] === "done", { timeout: 30_000 });
    const duration = performance.now() - begun;
    expect(await latest(url)).toMatchObject({ outcome: { from_log: EVENTS, copied: 0, rejected: 0 } });

    for (let round = 0; round < ROUNDS; round++) {
      const answered = rebuild(server.url).catch(() => undefined);
      // New events and repeated ids come meanwhile.
      await send(server.url, sent - 100, sent + 100);
      sent += 100;
      await sleep((duration * round) / ROUNDS);
      await server.stop("SIGKILL");
      await answered;
      server = await startServerProcess({ project: PROJECT, data });
      expect(await latest(server.url)).toBeNull();
      const found = (await rows(server.url, "unique")).map(({ n }) => Number(n));
      expect(found).toEqual(Array.from({ length: sent }, (_, n) => n));
    }
    const planned = (await (await rebuild(server.url, "?dry_run=true")).json()) as object;
    expect(planned).toEqual({
      dry_run: true,
      rows: sent,
      from_log: sent,
      copied: 0,
      lost: 0,
      to_load: 0,
      refused: null,
    });
    await server.stop("SIGTERM");
    server = await startServerProcess({ project: PROJECT, data });
    expect(server.output()).not.toContain("table changed");
  },
);
