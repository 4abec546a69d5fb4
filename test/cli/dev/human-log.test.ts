import { expect, test } from "vitest";
import { humanLogLine } from "../../../src/cli/dev/human-log.ts";
import { memoryIo } from "../support/run.ts";

const { io } = memoryIo();

test("an entry is its clock, level, message and fields", () => {
  const time = new Date(2026, 10, 22, 9, 5, 7).toISOString();
  const entry = {
    level: "warn",
    time,
    msg: "an insert failed",
    stream: "flights",
    attempt: 2,
    why: "no space left",
  };
  expect(humanLogLine(JSON.stringify(entry), io.stdout)).toBe(
    '09:05:07 warn  an insert failed stream=flights attempt=2 why="no space left"',
  );
});

test("an error's stack has lines of its own", () => {
  const entry = { level: "error", msg: "it broke", err: { message: "x", stack: "Error: x\n    at y" } };
  expect(humanLogLine(JSON.stringify(entry), io.stdout)).toBe("error it broke err=\nError: x\n    at y");
});

test.each(["plain text", "{broken", "null", '{"no":"message"}'])("%s is shown as it is", (line) => {
  expect(humanLogLine(line, io.stdout)).toBe(line);
});
