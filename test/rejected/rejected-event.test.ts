import { expect, test } from "vitest";
import { encodeRejected, OVERSIZED_EVENT_KEPT_MAX } from "../../src/rejected/rejected-event.ts";
import { REJECTED_SCHEMA } from "../../src/rejected/rejected-table.ts";
import { MIB } from "../../src/units.ts";

const invalid = { path: "/n", code: "invalid_type", message: "expected an integer" };
const oversized = { path: "", code: "too_large", message: "larger than 1 MiB" };

function row(raw: Buffer | string, errors = [invalid]): Record<string, string> {
  const line = encodeRejected({ stream: "flights", raw: Buffer.from(raw), errors }).toString();
  expect(line.indexOf("\n")).toBe(line.length - 1);
  return JSON.parse(line) as Record<string, string>;
}

test("a rejected event is one line with exactly the table's columns", () => {
  const found = row('{"n": "x",\r\n "m": 1}');
  expect(Object.keys(found)).toEqual(REJECTED_SCHEMA.columns.map(({ name }) => name));
  expect(found).toEqual({
    stream: "flights",
    event: '{"n": "x",\r\n "m": 1}',
    encoding: "utf8",
    code: "invalid_type",
    errors: JSON.stringify([invalid]),
    refused_by: "ingest",
  });
});

test("every byte of what isn't UTF-8 is kept", () => {
  const raw = Buffer.from([0x7b, 0xff, 0x00, 0xc3, 0x28, 0x7d]);
  const found = row(raw);
  expect(found["encoding"]).toBe("base64");
  expect(Buffer.from(found["event"] ?? "", "base64")).toEqual(raw);
});

test("control characters, quotes and NUL come back as they were", () => {
  const raw = '{"a":"\u0000\u001f\u2028\\"}';
  expect(row(raw)["event"]).toBe(raw);
});

test("reasons that quote a lone surrogate still make valid UTF-8", () => {
  const found = row("{}", [{ ...invalid, message: "got \ud800" }]);
  expect(JSON.parse(found["errors"] ?? "")).toEqual([{ ...invalid, message: "got \ufffd" }]);
});

test("an event that only its schema rejects is kept whole, fit for replay", () => {
  const raw = JSON.stringify({ n: "x".repeat(MIB) });
  expect(row(raw)["event"]).toBe(raw);
});

test("of an oversized event the beginning is kept, cut between characters, with its true size", () => {
  for (const shift of ["", "a", "ab", "abc"]) {
    const raw = Buffer.from(shift + "🛩".repeat(MIB / 4));
    const found = row(raw, [oversized]);
    const kept = Buffer.from(found["event"] ?? "");
    expect(found["encoding"]).toBe("utf8");
    expect(kept).toEqual(raw.subarray(0, kept.length));
    expect(kept.length).toBeGreaterThan(OVERSIZED_EVENT_KEPT_MAX - 4);
    expect(kept.length).toBeLessThanOrEqual(OVERSIZED_EVENT_KEPT_MAX);
    expect(found["code"]).toBe("too_large");
    expect(found["errors"]).toContain(`has ${raw.length} bytes; the first ${kept.length} are kept`);
  }
});

test("an oversized event that fits is not cut", () => {
  const found = row("x".repeat(OVERSIZED_EVENT_KEPT_MAX), [oversized]);
  expect(found["event"]).toHaveLength(OVERSIZED_EVENT_KEPT_MAX);
  expect(JSON.parse(found["errors"] ?? "")).toEqual([oversized]);
});
