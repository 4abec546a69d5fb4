import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";

const PROJECT = join(import.meta.dirname, "../../openapi/lax");
const LONG =
  "SELECT sum(sipHash64(a.number, b.number)) AS n FROM numbers(1000000) AS a, numbers(1000000) AS b";

let data: string;
let server: ServerProcess;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "headrace-sessions-"));
  // As few sessions as there may be, and as much SQL at once as can be asked for.
  const env = {
    HEADRACE_QUERIES_MAX: "2",
    HEADRACE_SQL_QUERIES_MAX: "64",
    HEADRACE_SQL_TIME: "3s",
    HEADRACE_CACHE_SIZE: "0",
  };
  server = await startServerProcess({ project: PROJECT, data, env });
});
afterAll(async () => {
  await server.stop("SIGKILL");
  await rm(data, { recursive: true, force: true });
});

test("long SQL leaves endpoints a session, however few there are and however much SQL is asked", async () => {
  let answered = 0;
  const body = JSON.stringify({ sql: LONG });
  const headers = { "content-type": "application/json" };
  const long = Array.from({ length: 2 }, async () => {
    const { status } = await fetch(`${server.url}/v1/sql`, { method: "POST", headers, body });
    answered++;
    return status;
  });
  // So many that most of them come when the SQL has begun.
  for (let n = 0; n < 50; n++) {
    expect((await fetch(`${server.url}/v1/endpoints/probe?as=rows`)).status).toBe(200);
  }
  expect(answered).toBe(0);
  expect(await Promise.all(long)).toEqual([504, 504]);
});
