import { assert, array, boolean, constantFrom, nat, oneof, property, record, string } from "fast-check";
import { expect, test } from "vitest";
import { InFlightBytes } from "../../src/ingest/in-flight-bytes.ts";
import { LineCollector } from "../../src/ingest/lines.ts";

/** An event of a body: taken as it is, written anew, or left out. */
const event = record({
  text: string({ unit: constantFrom("a", "é", "{", " ") }).map((text) => `<${text}>`),
  verdict: constantFrom("raw", "rewritten", "left out"),
  before: constantFrom("\n", ",", "\r\n", " , ", "\n\n\t", `,${" ".repeat(100)}`),
});

test("whatever is taken as it is, written anew or left out: the lines are the events, each once and in order", () => {
  assert(
    property(array(event, { maxLength: 60 }), boolean(), (events, isTerminated) => {
      let text = "[";
      const places = events.map(({ text: own, before }, index) => {
        text += index === 0 ? "" : before;
        const start = Buffer.byteLength(text);
        text += own;
        return { start, end: Buffer.byteLength(text) };
      });
      const body = Buffer.from(isTerminated ? `${text}]` : text);
      const collector = new LineCollector(body, new InFlightBytes(1e9).share());
      const leftOut: string[][] = [];
      events.forEach(({ text: own, verdict }, index) => {
        const { start, end } = places[index] ?? { start: 0, end: 0 };
        if (verdict === "raw") collector.addRaw(start, end);
        else if (verdict === "rewritten") collector.addLine(Buffer.from(`new ${own}`));
        else {
          collector.endRun();
          // As a rejected event is read: after the one before it was taken.
          leftOut.push([body.toString("utf8", start, end), own]);
        }
      });
      for (const [found, own] of leftOut) expect(found).toBe(own);
      const { count, bytes } = collector.finish();
      const lines = Buffer.concat(bytes).toString("utf8").split("\n");
      expect(lines.pop()).toBe("");
      const expected = events
        .filter(({ verdict }) => verdict !== "left out")
        .map(({ text: own, verdict }) => (verdict === "raw" ? own : `new ${own}`));
      expect(lines.map((line) => line.trim())).toEqual(expected.map((line) => line.trim()));
      expect(count).toBe(expected.length);
    }),
    { numRuns: 500 },
  );
});

test("rewritten lines of any length come out whole", () => {
  const length = oneof(nat(100), nat(400_000));
  assert(
    property(array(length, { maxLength: 12 }), (lengths) => {
      const lines = lengths.map((bytes, index) => String(index % 10).repeat(bytes));
      const collector = new LineCollector(Buffer.from(""), new InFlightBytes(1e9).share());
      for (const line of lines) collector.addLine(Buffer.from(line));
      expect(Buffer.concat(collector.finish().bytes).toString()).toBe(
        lines.map((line) => `${line}\n`).join(""),
      );
    }),
    { numRuns: 50 },
  );
});

test("a body of good lines stays where it is: one slice, nothing copied", () => {
  const body = Buffer.from("aa\nbb\ncc\n");
  const share = new InFlightBytes(1).share();
  const collector = new LineCollector(body, share);
  collector.addRaw(0, 2);
  collector.addRaw(3, 5);
  collector.addRaw(6, 8);
  const { bytes } = collector.finish();
  expect(bytes).toHaveLength(1);
  expect([bytes[0]?.buffer, bytes[0]?.byteOffset, bytes[0]?.length]).toEqual([
    body.buffer,
    body.byteOffset,
    9,
  ]);
});

test("one bad line in many costs two slices, and alternating small ones few buffers", () => {
  const count = 10_000;
  const body = Buffer.from("aaaa\n".repeat(count));
  const one = new LineCollector(Buffer.from(body), new InFlightBytes(1e9).share());
  for (let i = 0; i < count; i++) {
    if (i === 5000) one.endRun();
    else one.addRaw(i * 5, i * 5 + 4);
  }
  expect(one.finish().bytes).toHaveLength(2);
  const mixed = new LineCollector(Buffer.from(body), new InFlightBytes(1e9).share());
  for (let i = 0; i < count; i++) {
    if (i % 2 === 0) mixed.addLine(Buffer.from("new"));
    else mixed.addRaw(i * 5, i * 5 + 4);
  }
  expect(mixed.finish().bytes.length).toBeLessThan(20);
});
