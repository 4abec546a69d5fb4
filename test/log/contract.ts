import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StreamSchema } from "../../src/project/column.ts";
import type { KeyedAnswer, Log, LogBatch, NewBatch, Position } from "../../src/log/log.ts";
import { until } from "../support/until.ts";

/** A log that can be closed and opened again on what it kept. */
export interface LogUnderTest {
  open(streams: readonly { name: string; schema: StreamSchema }[]): Promise<Log>;
  /** Removes what it kept. */
  destroy(): Promise<void>;
}

export const START: Position = { log: "", offset: 0 };
export const EVERYTHING = { bytes: Number.MAX_SAFE_INTEGER, events: Number.MAX_SAFE_INTEGER };
export const SCHEMA: StreamSchema = {
  fingerprint: "00000000000000a1",
  columns: [{ name: "n", type: { kind: "int", bits: 32, signed: true }, nullable: false }],
};
export const WIDER_SCHEMA: StreamSchema = {
  fingerprint: "00000000000000b2",
  columns: [...SCHEMA.columns, { name: "s", type: { kind: "string" }, nullable: true }],
};

/** A batch of numbered events; what they hold tells which batch it is. */
export function batchOf(
  tag: string,
  options: {
    events?: number;
    rejected?: number;
    key?: string;
    eventKeys?: readonly string[];
    acceptedAt?: number;
    pad?: number;
  } = {},
): NewBatch {
  const lines = (kind: string, count: number): Buffer[] =>
    Array.from({ length: count }, (_, n) =>
      Buffer.from(`${JSON.stringify({ [kind]: tag, n, pad: "é".repeat(options.pad ?? 0) })}\n`),
    );
  const events = lines("event", options.events ?? 1);
  const rejected = lines("rejected", options.rejected ?? 0);
  const keyOf = (key: string) => ({ key, ...answerOf(tag) });
  return {
    acceptedAt: options.acceptedAt ?? 1_700_000_000_000,
    events: { count: events.length, bytes: events },
    rejected: { count: rejected.length, bytes: rejected },
    ...(options.key === undefined ? {} : { key: keyOf(options.key) }),
    ...(options.eventKeys === undefined ? {} : { eventKeys: options.eventKeys.map(keyOf) }),
  };
}

/** What stands under the keys of a batch. */
function answerOf(tag: string): KeyedAnswer {
  return { bodyHash: `hash of ${tag}`, answer: JSON.stringify({ accepted: tag }) };
}

function numbersFrom(count: number, from: number): string[] {
  return Array.from({ length: count }, (_, n) => `${from + n}`);
}

/** The batch as a reader must find it. */
export function expectBatch(found: LogBatch | undefined, sent: NewBatch): void {
  expect(found?.acceptedAt).toBe(sent.acceptedAt);
  expect(found?.events.count).toBe(sent.events.count);
  expect(found?.events.bytes.toString()).toBe(Buffer.concat(sent.events.bytes).toString());
  expect(found?.rejected.count).toBe(sent.rejected.count);
  expect(found?.rejected.bytes.toString()).toBe(Buffer.concat(sent.rejected.bytes).toString());
}

/** Where a reader goes on after a batch. */
export function after(batch: LogBatch | undefined): Position {
  if (batch === undefined) return START;
  return { log: batch.log, offset: batch.offset + batch.events.count + batch.rejected.count };
}

/** Everything from a position on, in as many reads as it takes. */
export async function readAll(log: Log, stream: string, from: Position = START): Promise<LogBatch[]> {
  const batches: LogBatch[] = [];
  let position = from;
  for (;;) {
    const page = await log.read(stream, 0, position, EVERYTHING);
    if (page.length === 0) return batches;
    batches.push(...page);
    position = after(page.at(-1));
  }
}

/** What every adapter of the log guarantees; what only some can do is asked of their capabilities. */
export function describeLogContract(name: string, create: () => Promise<LogUnderTest>): void {
  describe(`${name} keeps the log's contract`, () => {
    const streams = [
      { name: "flights", schema: SCHEMA },
      { name: "clicks", schema: SCHEMA },
    ];
    let underTest: LogUnderTest;
    let log: Log;

    beforeEach(async () => {
      underTest = await create();
      log = await underTest.open(streams);
    });
    afterEach(async () => {
      await log.close();
      await underTest.destroy();
    });
    const reopen = async (next = streams): Promise<void> => {
      await log.close();
      log = await underTest.open(next);
    };
    const append = async (batch: NewBatch, stream = "flights"): Promise<Position> => {
      const appended = await log.append(stream, batch);
      if (appended.kind === "duplicate") throw new Error("the batch was taken for a duplicate");
      return appended.position;
    };

    it("gives an appended batch back as it was, with its schema and accept time", async () => {
      const sent = batchOf("a", { events: 3, rejected: 2 });
      const position = await append(sent);
      const [found, ...others] = await readAll(log, "flights");
      expectBatch(found, sent);
      expect(others).toEqual([]);
      expect(found).toMatchObject({
        log: position.log,
        offset: position.offset,
        partition: 0,
        schema: SCHEMA,
      });
    });

    it("keeps the order of the calls, with offsets that run on over events and rejected events", async () => {
      const sent = Array.from({ length: 50 }, (_, n) =>
        batchOf(`batch ${n}`, {
          events: n % 3,
          rejected: (n + 1) % 3,
          ...(n % 5 === 0 ? { key: `k${n}` } : {}),
        }),
      ).filter((batch) => batch.events.count + batch.rejected.count > 0);
      const positions = await Promise.all(sent.map((batch) => append(batch)));
      const found = await readAll(log, "flights");
      expect(found).toHaveLength(sent.length);
      let offset = 0;
      for (const [index, batch] of sent.entries()) {
        expectBatch(found[index], batch);
        expect(found[index]?.offset).toBe(offset);
        expect(positions[index]?.offset).toBe(offset);
        offset += batch.events.count + batch.rejected.count;
      }
      expect(log.status("flights", 0).end.offset).toBe(offset);
    });

    it("keeps streams apart", async () => {
      await append(batchOf("a"), "flights");
      expect(await readAll(log, "clicks")).toEqual([]);
      await append(batchOf("b"), "clicks");
      expectBatch((await readAll(log, "clicks"))[0], batchOf("b"));
      expect(await readAll(log, "flights")).toHaveLength(1);
    });

    it("refuses a stream that it doesn't have and a batch without events", async () => {
      await expect(log.append("nothing", batchOf("a"))).rejects.toMatchObject({ code: "unknown_stream" });
      await expect(log.append("flights", batchOf("a", { events: 0 }))).rejects.toMatchObject({
        code: "internal_error",
      });
      expect(await readAll(log, "flights")).toEqual([]);
    });

    it("has everything again after it was closed and opened", async () => {
      const sent = Array.from({ length: 20 }, (_, n) =>
        batchOf(`batch ${n}`, { events: 2, rejected: n % 2 }),
      );
      for (const batch of sent) await append(batch);
      const before = await readAll(log, "flights");
      await reopen();
      expect(await readAll(log, "flights")).toEqual(before);
      const position = await append(batchOf("later"));
      expect(position).toEqual(after(before.at(-1)));
    });

    it("reads from the batch that holds the offset, and from every offset", async () => {
      const sent = [batchOf("a", { events: 3 }), batchOf("b", { events: 2, rejected: 1 }), batchOf("c")];
      for (const batch of sent) await append(batch);
      const { end } = log.status("flights", 0);
      const expected = [0, 0, 0, 1, 1, 1, 2];
      for (const [offset, first] of expected.entries()) {
        const found = await log.read("flights", 0, { log: end.log, offset }, EVERYTHING);
        expect(found).toHaveLength(sent.length - first);
        expectBatch(found[0], sent[first] ?? batchOf("none"));
      }
      expect(await log.read("flights", 0, end, EVERYTHING)).toEqual([]);
    });

    it("stops reading at the limits, but always gives one batch, however large", async () => {
      for (let n = 0; n < 10; n += 1) await append(batchOf(`${n}`, { events: 4, pad: 50 }));
      const bytes = Buffer.concat(batchOf("0", { events: 4, pad: 50 }).events.bytes).length;
      const cases = [
        { limit: { bytes: bytes * 3, events: 1_000 }, batches: 3 },
        { limit: { bytes: bytes * 3 - 1, events: 1_000 }, batches: 2 },
        { limit: { bytes: 1e9, events: 8 }, batches: 2 },
        { limit: { bytes: 1e9, events: 11 }, batches: 2 },
        { limit: { bytes: 1, events: 1 }, batches: 1 },
      ];
      for (const { limit, batches } of cases) {
        expect(await log.read("flights", 0, START, limit)).toHaveLength(batches);
      }
    });

    it("carries batches from one event to many megabytes", async () => {
      const sent = [
        batchOf("tiny"),
        batchOf("small", { events: 200, pad: 10 }),
        batchOf("large", { events: 3, pad: 3_000_000, key: "large" }),
        batchOf("last"),
      ];
      await Promise.all(sent.map((batch) => append(batch)));
      const found = await readAll(log, "flights");
      expect(found).toHaveLength(sent.length);
      for (const [index, batch] of sent.entries()) expectBatch(found[index], batch);
    });

    it("wakes whoever waits when something comes, at once when it is there, and on abort", async () => {
      const { signal } = new AbortController();
      const done: string[] = [];
      const waiting = log.wait("flights", 0, START, signal).then(() => done.push("waited"));
      expect(done).toEqual([]);
      await append(batchOf("a"));
      await waiting;
      await log.wait("flights", 0, START, signal);
      const { end } = log.status("flights", 0);
      const stop = new AbortController();
      const aborted = log.wait("flights", 0, end, stop.signal).then(() => done.push("aborted"));
      stop.abort();
      await aborted;
      expect(done).toEqual(["waited", "aborted"]);
    });

    it("gives a reader that follows the end every batch once and in order, while many append", async () => {
      const count = 300;
      const stop = new AbortController();
      const seen: string[] = [];
      const follow = async (): Promise<void> => {
        let position = START;
        while (seen.length < count && !stop.signal.aborted) {
          await log.wait("flights", 0, position, stop.signal);
          const page = await log.read("flights", 0, position, { bytes: 10_000, events: 100 });
          for (const batch of page) seen.push(batch.events.bytes.toString());
          if (page.length > 0) position = after(page.at(-1));
        }
      };
      const following = follow();
      const sent = Array.from({ length: count }, (_, n) => batchOf(`${n}`));
      await Promise.all(sent.map((batch) => append(batch)));
      await until(() => seen.length >= count);
      stop.abort();
      await following;
      expect(seen).toEqual(sent.map((batch) => Buffer.concat(batch.events.bytes).toString()));
    });

    it("writes a batch with a key once, and gives the first answer for the second", async () => {
      await append(batchOf("first", { key: "k", events: 2 }));
      const second = await log.append("flights", batchOf("second", { key: "k" }));
      expect(second).toEqual({
        kind: "duplicate",
        first: { bodyHash: "hash of first", answer: JSON.stringify({ accepted: "first" }) },
      });
      expect(await readAll(log, "flights")).toHaveLength(1);
      expect(await log.recall("flights", "k")).toEqual({
        bodyHash: "hash of first",
        answer: JSON.stringify({ accepted: "first" }),
      });
      expect(await log.recall("flights", "other")).toBeUndefined();
      expect(await log.recall("clicks", "k")).toBeUndefined();
      expect(log.status("flights", 0).keys).toBe(1);
    });

    it("writes one of many concurrent appends with the same key", async () => {
      const appended = await Promise.all(
        Array.from({ length: 20 }, (_, n) => log.append("flights", batchOf(`try ${n}`, { key: "k" }))),
      );
      expect(appended.map(({ kind }) => kind)).toEqual([
        "appended",
        ...Array.from({ length: 19 }, () => "duplicate"),
      ]);
      for (const one of appended.slice(1))
        expect(one).toMatchObject({ first: { bodyHash: "hash of try 0" } });
      expect(await readAll(log, "flights")).toHaveLength(1);
    });

    it("remembers keys over a restart", async () => {
      for (let n = 0; n < 20; n += 1) await append(batchOf(`batch ${n}`, { key: `key ${n}` }));
      await reopen();
      for (let n = 0; n < 20; n += 1) {
        const again = await log.append("flights", batchOf("again", { key: `key ${n}` }));
        expect(again).toMatchObject({ kind: "duplicate", first: { bodyHash: `hash of batch ${n}` } });
      }
      expect(await readAll(log, "flights")).toHaveLength(20);
    });

    it("writes nothing of a batch of which one event's key is held, and tells which are, over a restart too", async () => {
      await append(batchOf("one", { events: 3, eventKeys: ["a", "b", "c"] }));
      await append(batchOf("two", { events: 2, eventKeys: ["d", "e"] }));
      for (let n = 0; n < 50; n += 1)
        await append(batchOf(`${n}`, { pad: 100, eventKeys: [`${n}`, `+${n}`] }));
      for (const restart of [false, true]) {
        if (restart) await reopen();
        const again = await log.append(
          "flights",
          batchOf("again", { events: 4, eventKeys: ["x", "d", "+7", "b", "7", "a"] }),
        );
        expect(again).toEqual({
          kind: "duplicate",
          first: answerOf("two"),
          seen: new Map([
            ["d", answerOf("two")],
            ["+7", answerOf("7")],
            ["b", answerOf("one")],
            ["7", answerOf("7")],
            ["a", answerOf("one")],
          ]),
        });
        expect(await readAll(log, "flights")).toHaveLength(52);
        expect(log.status("flights", 0).keys).toBe(105);
        expect(await log.recall("flights", "c")).toEqual(answerOf("one"));
        expect(await log.recall("flights", "x")).toBeUndefined();
      }
      await append(batchOf("new", { eventKeys: ["x"] }));
    });

    it("writes each event key once of concurrent batches that share some", async () => {
      const appended = await Promise.all(
        Array.from({ length: 30 }, async (_, n) => {
          let keys = numbersFrom(10, n * 3);
          for (;;) {
            if (keys.length === 0) return [];
            const batch = batchOf(keys.join(","), { events: keys.length, eventKeys: keys });
            const answer = await log.append("flights", batch);
            if (answer.kind === "appended") return keys;
            keys = keys.filter((key) => answer.seen?.has(key) !== true);
          }
        }),
      );
      const written = appended.flat();
      expect(written.toSorted()).toEqual(numbersFrom(97, 0).toSorted());
      expect(log.status("flights", 0).keys).toBe(97);
    });

    it("keeps a cursor for each subscription, over a restart", async () => {
      for (let n = 0; n < 5; n += 1) await append(batchOf(`${n}`));
      const { first, end } = log.status("flights", 0);
      expect(await log.cursor("flights", 0, "loader")).toEqual(first);
      await log.commit("flights", 0, "loader", { log: end.log, offset: 3 });
      await Promise.all([
        log.commit("flights", 0, "tail", { log: end.log, offset: 1 }),
        log.commit("flights", 0, "tail", { log: end.log, offset: 2 }),
      ]);
      await log.commit("clicks", 0, "loader", START);
      await reopen();
      expect(await log.cursor("flights", 0, "loader")).toEqual({ log: end.log, offset: 3 });
      expect(await log.cursor("flights", 0, "tail")).toEqual({ log: end.log, offset: 2 });
      expect(await log.cursor("flights", 0, "another")).toEqual(first);
      expect(await log.read("flights", 0, await log.cursor("flights", 0, "tail"), EVERYTHING)).toHaveLength(
        3,
      );
    });

    it("refuses a cursor beyond the end or of a log that it never was", async () => {
      await append(batchOf("a"));
      const { end } = log.status("flights", 0);
      const beyond = { log: end.log, offset: end.offset + 1 };
      await expect(log.commit("flights", 0, "loader", beyond)).rejects.toMatchObject({
        code: "internal_error",
      });
      const foreign = { log: "another log", offset: 0 };
      await expect(log.commit("flights", 0, "loader", foreign)).rejects.toMatchObject({
        code: "offset_gone",
      });
      await expect(log.read("flights", 0, foreign, EVERYTHING)).rejects.toMatchObject({
        code: "offset_gone",
      });
      expect((await log.cursor("flights", 0, "loader")).offset).toBe(0);
    });

    it("sets a subscription back where it can replay", async () => {
      for (let n = 0; n < 3; n += 1) await append(batchOf(`${n}`));
      const { end } = log.status("flights", 0);
      await log.commit("flights", 0, "loader", end);
      if (!log.capabilities.replay) return;
      await log.commit("flights", 0, "loader", START);
      await reopen();
      expect(await log.read("flights", 0, await log.cursor("flights", 0, "loader"), EVERYTHING)).toHaveLength(
        3,
      );
    });

    it("gives each batch the schema that it was appended with, when the declaration moves on", async () => {
      await append(batchOf("old"));
      await reopen([{ name: "flights", schema: WIDER_SCHEMA }]);
      const { log: logId } = await append(batchOf("new"));
      await reopen([{ name: "flights", schema: SCHEMA }]);
      await append(batchOf("old again"));
      const found = await readAll(log, "flights");
      expect(found.map(({ schema }) => schema)).toEqual([SCHEMA, WIDER_SCHEMA, SCHEMA]);
      expect(found.map(({ offset }) => offset)).toEqual([0, 1, 2]);
      expect(new Set(found.map((batch) => batch.log))).toEqual(new Set([logId]));
    });

    it("finishes what is in flight before it closes, and takes nothing afterwards", async () => {
      const sent = Array.from({ length: 100 }, (_, n) => append(batchOf(`${n}`)));
      await log.close();
      await Promise.all(sent);
      await expect(log.append("flights", batchOf("late"))).rejects.toMatchObject({ code: "draining" });
      log = await underTest.open(streams);
      expect(await readAll(log, "flights")).toHaveLength(100);
    });

    it("ends a wait when it is closed", async () => {
      const waiting = log.wait("flights", 0, START, new AbortController().signal);
      const [outcome] = await Promise.allSettled([waiting, log.close()]);
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "draining" } });
      log = await underTest.open(streams);
    });
  });
}
