import { expect, test } from "vitest";
import type { OpenPlan } from "../../src/load/ledger-state.ts";
import { OUTCOME_SPANS_MAX } from "../../src/load/limits.ts";
import { Outcomes } from "../../src/load/outcomes.ts";

const MINUTE = 60_000;
const reason = { path: "", code: "store_refused", message: "" };
const batch = (offset: number, events: number, rejected = 0, log = "l1") => ({
  partition: 0,
  position: { log, offset },
  events,
  rejected,
});
const plan = (from: number, to: number, options: Partial<OpenPlan> = {}): OpenPlan => ({
  log: "l1",
  from,
  to,
  duplicates: [],
  refused: [],
  ...options,
});

test("a batch that is loaded has its counts at once, one that isn't when it is", async () => {
  const outcomes = new Outcomes();
  outcomes.begin({ log: "l1", offset: 0 });
  const early = outcomes.of(batch(0, 5, 2), MINUTE);
  const late = outcomes.of(batch(7, 3), MINUTE);
  outcomes.done(
    plan(0, 7, { duplicates: [{ from: 1, to: 3 }], refused: [{ offset: 4, acceptedAt: 0, reason }] }),
  );
  expect(await early).toEqual({ stored: 2, duplicates: 2, refused: 1 });
  outcomes.done(plan(7, 10));
  expect(await late).toEqual({ stored: 3, duplicates: 0, refused: 0 });
  expect(await outcomes.of(batch(0, 5, 2), 0)).toEqual({ stored: 2, duplicates: 2, refused: 1 });
});

test("a batch waits until its rejected events are kept too", async () => {
  const outcomes = new Outcomes();
  outcomes.begin({ log: "l1", offset: 0 });
  outcomes.done(plan(0, 4));
  expect(await outcomes.of(batch(2, 2, 1), 5)).toBeUndefined();
});

test("nothing is claimed when the time is over, of another log, of before the start, or after the end", async () => {
  const outcomes = new Outcomes();
  outcomes.begin({ log: "l1", offset: 5 });
  expect(await outcomes.of(batch(5, 1), 5)).toBeUndefined();
  expect(await outcomes.of(batch(2, 1), 5)).toBeUndefined();
  expect(await outcomes.of(batch(2, 1, 0, "l0"), 5)).toBeUndefined();
  const waiting = outcomes.of(batch(9, 1), MINUTE);
  outcomes.end();
  expect(await waiting).toBeUndefined();
  expect(await outcomes.of(batch(9, 1), MINUTE)).toBeUndefined();
});

test("a log that follows another is counted from its own beginning", async () => {
  const outcomes = new Outcomes();
  outcomes.begin({ log: "l0", offset: 5 });
  outcomes.done(plan(5, 8));
  expect(await outcomes.of(batch(5, 3), 0)).toEqual({ stored: 3, duplicates: 0, refused: 0 });
  expect(await outcomes.of(batch(3, 2, 0, "l0"), 5)).toBeUndefined();
});

test("its memory is bounded: who asks too late gets no counts rather than wrong ones", async () => {
  const outcomes = new Outcomes();
  outcomes.begin({ log: "l1", offset: 0 });
  const duplicates = Array.from({ length: OUTCOME_SPANS_MAX + 1 }, (_, index) => ({
    from: index * 2,
    to: index * 2 + 1,
  }));
  const end = OUTCOME_SPANS_MAX * 2 + 2;
  outcomes.done(plan(0, end, { duplicates }));
  expect(await outcomes.of(batch(0, 10), 0)).toBeUndefined();
  outcomes.done(plan(end, end + 2, { duplicates: [{ from: end, to: end + 1 }] }));
  expect(await outcomes.of(batch(end, 2), 0)).toEqual({ stored: 1, duplicates: 1, refused: 0 });
});
