import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IngestServer } from "./support/ingest-server.ts";
import { runHere } from "./support/run.ts";

const HINT = "Reading events from the terminal";
let server: IngestServer;

beforeEach(async () => {
  server = new IngestServer();
  vi.stubEnv("HEADRACE_URL", await server.start());
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

test("publish without a file says that it reads from the terminal, and how to end that", async () => {
  const stdin = Object.assign(new PassThrough().end('{"a":1}\n'), { isTTY: true });
  const { code, stderr } = await runHere(["publish", "flights"], { stdin });
  expect(code).toBe(0);
  expect(stderr).toContain(`${HINT}, one JSON object a line; Ctrl-D ends them.\n`);
});

test("publish from a pipe doesn't", async () => {
  const { code, stderr } = await runHere(["publish", "flights"], { stdin: '{"a":1}\n' });
  expect(code).toBe(0);
  expect(stderr).not.toContain(HINT);
});
