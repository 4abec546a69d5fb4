import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Bodies } from "../../bench/load/bodies.ts";
import type { Lines } from "../../bench/load/job.ts";

let folder: string;
let lines: Lines;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-bodies-"));
  const file = join(folder, "lines.ndjson");
  const text = Array.from({ length: 10 }, (_, row) => `{"flight_id":"00000-${row}","delay":${row * 7}}\n`);
  await writeFile(file, text.join(""));
  lines = { file, count: 10, passAt: '{"flight_id":"'.length };
});
afterAll(() => rm(folder, { recursive: true }));

const take = (bodies: Bodies, count: number): string =>
  Array.from({ length: count }, () => bodies.next().toString()).join("");

describe("the load generator's bodies", () => {
  test("no event is sent twice over several passes, and none is left out", () => {
    const bodies = new Bodies(lines, 5, 7);
    const sent = take(bodies, 6).trimEnd().split("\n");
    const ids = sent.map((line) => (JSON.parse(line) as { flight_id: string }).flight_id);
    expect(new Set(ids).size).toBe(30);
    expect(ids[0]).toBe("00007-0");
    expect(ids[29]).toBe("00009-9");
  });

  test("spoils exactly the share that is asked for, and leaves the rest as it was", () => {
    const sent = take(new Bodies(lines, 10, 0, 2), 1);
    const events = sent
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map((event) => "delay" in event)).toEqual(
      Array.from({ length: 10 }, (_, row) => row % 2 === 1),
    );
  });

  test("a file with fewer lines than a body is refused", () => {
    expect(() => new Bodies(lines, 11, 0)).toThrow("fewer than 11");
  });
});
