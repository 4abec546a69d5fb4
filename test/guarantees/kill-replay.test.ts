import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";

/** Two versions of a project: what the first rejects, the second takes. */
const STRICT = join(import.meta.dirname, "../openapi/strict");
const LAX = join(import.meta.dirname, "../openapi/lax");
/** So many that a replay is several batches of the log. */
const EVENTS = 6_000;
const KILLS = 4;

let data: string;
let server: ServerProcess | undefined;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "headrace-kill-replay-"));
});
afterAll(async () => {
  await server?.stop("SIGKILL");
  await rm(data, { recursive: true, force: true });
});

async function start(project: string): Promise<ServerProcess> {
  server = await startServerProcess({ project, data });
  return server;
}

const post = (url: string, path: string, body: unknown): Promise<Response> =>
  fetch(`${url}/v1/streams/readings/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

async function countsOf(url: string): Promise<{ rows: number; different: number; listed: number }> {
  const response = await fetch(`${url}/v1/sql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sql: "SELECT count() AS rows, uniqExact(value) AS different FROM readings" }),
  });
  const { data: answer } = (await response.json()) as { data: [{ rows: number; different: number }] };
  const listed = (await (await fetch(`${url}/v1/streams/readings`)).json()) as { rejected: number };
  return { ...answer[0], listed: listed.rejected };
}

test(`${KILLS} times killed with kill -9 in the middle of a replay: every rejected event is replayed once`, async () => {
  const strict = await start(STRICT);
  const events = Array.from({ length: EVENTS }, (_, n) => ({ sensor: "s", value: 1_000 + n }));
  expect((await post(strict.url, "events", events)).status).toBe(422);
  await strict.stop("SIGTERM");

  const all = { before: "2999-01-01" };
  let cut = 0;
  for (let round = 0; round < KILLS; round++) {
    const lax = await start(LAX);
    // A part each time, so that there is something left to be killed in.
    const replayed = post(lax.url, "rejected/replay", { ...all, limit: (EVENTS / KILLS) | 0 }).then(
      ({ ok }) => ok,
      () => false,
    );
    await sleep(randomInt(10, 150));
    await lax.stop("SIGKILL");
    if (!(await replayed)) cut++;
  }
  // It would say nothing if every replay had been done before its server was killed.
  expect(cut).toBeGreaterThan(0);

  const lax = await start(LAX);
  expect(await (await post(lax.url, "rejected/replay", all)).json()).toMatchObject({
    still_rejected: 0,
    next: null,
  });
  // The count of rejected events may be a second old.
  await until(async () => (await countsOf(lax.url)).listed === 0);
  expect(await countsOf(lax.url)).toEqual({ rows: EVENTS, different: EVENTS, listed: 0 });
  const again = await (await post(lax.url, "rejected/replay", all)).json();
  expect(again).toMatchObject({ replayed: 0, still_rejected: 0 });
  expect(await lax.stop("SIGTERM")).toBe(0);
});
