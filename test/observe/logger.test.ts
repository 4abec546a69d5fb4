import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { createLogger } from "../../src/observe/logger.ts";

function capture(level: string): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, log: createLogger(level, sink) };
}

test("a line is one JSON object with an ISO time and the level's name", () => {
  const { lines, log } = capture("info");
  log.info({ stream: "flights" }, "hello");
  log.debug("not shown at this level");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "info", stream: "flights", msg: "hello" });
  expect(JSON.parse(lines[0] ?? "").time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
});

test("an Authorization header never gets into the log", () => {
  const { lines, log } = capture("info");
  log.info({ headers: { authorization: "Bearer hunter2" } }, "request");
  expect(lines[0]).not.toContain("hunter2");
  expect(lines[0]).toContain("[redacted]");
});
