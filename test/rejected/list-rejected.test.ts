import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { defineStream } from "../../src/project/define-stream.ts";
import { encodeCursor } from "../../src/rejected/rejected-cursor.ts";
import { encodeRejected } from "../../src/rejected/rejected-event.ts";
import { listRejected, REJECTED_PAGE_MAX } from "../../src/rejected/list-rejected.ts";
import { REJECTED_SCHEMA, REJECTED_TABLE } from "../../src/rejected/rejected-table.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";

const flights = defineStream("flights", { schema: z.object({ n: z.int32() }), table: { orderBy: ["n"] } });
const TIME = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([flights]);
  // Ten a millisecond, so that the order within one counts.
  await insert("flights", 120, (n) => (n % 3 === 0 ? "out_of_range" : "invalid_type"));
  await insert("clicks", 5, () => "invalid_type");
});
afterAll(() => shared.destroy());

async function insert(stream: string, count: number, codeOf: (n: number) => string): Promise<void> {
  const numbers = Array.from({ length: count }, (_, n) => n);
  const lines = numbers.map((n) =>
    encodeRejected({
      stream,
      raw: Buffer.from(`{"n":"${n}"}`),
      errors: [{ path: "/n", code: codeOf(n), message: `got ${n}` }],
    }),
  );
  await shared.store.insert(REJECTED_TABLE, {
    log: `log-${stream}`,
    partition: 0,
    schema: REJECTED_SCHEMA,
    lines,
    count,
    offsets: Float64Array.from(numbers),
    acceptedAt: Float64Array.from(numbers, (n) => TIME + Math.floor(n / 10)),
  });
}

const list = (options: Partial<Parameters<typeof listRejected>[1]> = {}) =>
  listRejected(shared.store, { stream: "flights", ...options });

test("the newest come first, with id, time, event and reasons", async () => {
  const { data, next } = await list();
  expect(data).toHaveLength(50);
  expect(data[0]).toEqual({
    id: "log-flights-0-119",
    time: new Date(TIME + 11).toISOString(),
    event: `{"n":"119"}`,
    reasons: [{ path: "/n", code: "invalid_type", message: "got 119" }],
    refused_by: "ingest",
  });
  expect(next).toMatch(/^[\w-]+$/);
});

test("pages hold every event of the stream once, in order, whatever their size", async () => {
  for (const limit of [1, 7, 60, 120, REJECTED_PAGE_MAX]) {
    const ids: string[] = [];
    let page = await list({ limit });
    for (;;) {
      expect(page.data.length).toBeLessThanOrEqual(limit);
      ids.push(...page.data.map(({ id }) => id));
      if (page.next === null) break;
      page = await list({ limit, cursor: page.next });
    }
    expect(ids).toEqual(Array.from({ length: 120 }, (_, index) => `log-flights-0-${119 - index}`));
  }
});

test("only those with a code are listed when it is asked for", async () => {
  const { data, next } = await list({ code: "out_of_range", limit: 1000 });
  expect(data.map(({ id }) => id)).toEqual(
    Array.from({ length: 40 }, (_, index) => `log-flights-0-${117 - index * 3}`),
  );
  expect(next).toBeNull();
  expect((await list({ code: "' OR 1 --" })).data).toEqual([]);
});

test("pages of large events are shorter than asked, and hold every event once", async () => {
  // A quote takes two bytes in the answer: 40 MiB of events are more than one answer may have.
  const raw = Buffer.alloc(1024 * 1024, '"');
  const errors = [{ path: "", code: "invalid_json", message: "at 1" }];
  await shared.store.insert(REJECTED_TABLE, {
    log: "log-large",
    partition: 0,
    schema: REJECTED_SCHEMA,
    lines: Array.from({ length: 40 }, () => encodeRejected({ stream: "large", raw, errors })),
    count: 40,
    offsets: Float64Array.from({ length: 40 }, (_, n) => n),
    acceptedAt: new Float64Array(40).fill(TIME),
  });
  const first = await list({ stream: "large" });
  expect(first.data.length).toBeGreaterThan(0);
  expect(first.data.length).toBeLessThan(40);
  const ids = first.data.map(({ id }) => id);
  for (let { next } = first; next !== null;) {
    const page = await list({ stream: "large", cursor: next });
    ids.push(...page.data.map(({ id }) => id));
    ({ next } = page);
  }
  expect(ids).toEqual(Array.from({ length: 40 }, (_, index) => `log-large-0-${39 - index}`));
});

test("a stream without rejected events has an empty page", async () => {
  expect(await list({ stream: "nothing" })).toEqual({ data: [], next: null });
});

test("events that aren't JSON come as text, those that aren't text in base64, refusals by the store say so", async () => {
  const raws = [Buffer.from('{"n": NaN'), Buffer.from([0x7b, 0xff, 0x7d]), Buffer.from('"\\u0000 ✈"')];
  const errors = [{ path: "", code: "invalid_json", message: "at 6" }];
  await shared.store.insert(REJECTED_TABLE, {
    log: "log-odd",
    partition: 0,
    schema: REJECTED_SCHEMA,
    lines: raws.map((raw) => encodeRejected({ stream: "odd", raw, errors, refusedBy: "store" })),
    count: 3,
    offsets: Float64Array.of(2 ** 40, 2 ** 40 + 1, 2 ** 40 + 2),
    acceptedAt: Float64Array.of(TIME, TIME, TIME),
  });
  const { data } = await list({ stream: "odd" });
  expect(data.map(({ event, refused_by }) => [JSON.parse(event), refused_by])).toEqual([
    ["\0 ✈", "store"],
    ["e/99", "store"],
    ['{"n": NaN', "store"],
  ]);
  expect(data[0]?.id).toBe(`log-odd-0-${2 ** 40 + 2}`);
});

test("a limit or cursor that isn't one is a bad parameter, by its name", async () => {
  for (const limit of [0, -1, 1.5, REJECTED_PAGE_MAX + 1, NaN]) {
    await expect(list({ limit })).rejects.toMatchObject({
      code: "bad_parameter",
      details: { parameter: "limit" },
    });
  }
  const forged = Buffer.from(JSON.stringify([TIME, "log", "0", 1])).toString("base64url");
  const negative = encodeCursor({ time: -1, log: "l", partition: 0, offset: 0 });
  for (const cursor of ["", "x", "bm9wZQ", forged, negative]) {
    await expect(list({ cursor })).rejects.toMatchObject({
      code: "bad_parameter",
      details: { parameter: "cursor" },
    });
  }
});
