import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import type { Stream } from "../../src/project/declarations.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { tableSpec } from "../../src/store/table-spec.ts";
import { until } from "../support/until.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { append, openWorld, select, type World } from "./support.ts";

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([]);
});
afterAll(() => shared.destroy());

let world: World;
afterEach(() => world.close());

const declare = (name: string, schema: z.ZodObject, id?: string) =>
  defineStream(name, {
    schema,
    freshness: "50 ms",
    table: { orderBy: ["n"] },
    ...(id === undefined ? {} : { id: { field: id, window: "1 hour" } }),
  });

const fits = (n: number, any: string) => `{"n":${n},"a":${n},"any":${any},"price":1.5}`;

async function migrate(stream: Stream): Promise<void> {
  const { refused } = await shared.store.migrate([tableSpec(stream)], { dryRun: false });
  expect(refused).toEqual([]);
}

/** Loads everything that the log holds under a declaration. */
async function load(stream: Stream): Promise<void> {
  await world.reopenLog(undefined, [stream]);
  const loader = world.loader({ log: world.log, streams: [stream] });
  await loader.start();
  await until(() => loader.status(stream.name).lagEvents === 0);
  await loader.stop();
}

test("batches that waited in the log load under the next declaration: added, widened and removed columns", async () => {
  const before = declare("followed", z.object({ n: z.int32(), a: z.int32(), gone: z.boolean() }));
  const after = declare(
    "followed",
    z.object({
      n: z.int32(),
      a: z.int64().optional(),
      more: z.string().optional(),
      kind: z.string().default("new"),
    }),
  );
  await migrate(before);
  world = await openWorld(shared.store, [before]);
  await append(world.log, "followed", [{ n: 1, a: 1, gone: true }]);
  await load(before);
  await append(world.log, "followed", [{ n: 2, a: 2, gone: false }]);
  // Not loaded: the next start finds it.
  await migrate(after);
  await world.reopenLog(undefined, [after]);
  await append(world.log, "followed", [{ n: 3, a: 5_000_000_000, more: "m", kind: "sent" }]);
  await load(after);
  expect(await select(shared.store, "SELECT n, a, gone, more, kind FROM followed ORDER BY n")).toEqual([
    { n: 1, a: 1, gone: true, more: null, kind: "new" },
    { n: 2, a: 2, gone: false, more: null, kind: "new" },
    { n: 3, a: 5_000_000_000, gone: null, more: "m", kind: "sent" },
  ]);
  expect(await select(shared.store, "SELECT event FROM _rejected WHERE stream = 'followed'")).toEqual([]);
});

test("what the table doesn't take as it is is judged again: it is stored as today's declaration has it, or kept as rejected", async () => {
  const before = declare(
    "judged",
    z.object({
      n: z.int32(),
      a: z.int64(),
      any: z.json(),
      price: z.string().meta({ column: "Decimal(18, 4)" }),
    }),
  );
  const after = declare(
    "judged",
    z.object({
      n: z.int32(),
      a: z.int32(),
      any: z.json(),
      price: z.string().meta({ column: "Decimal(18, 4)" }),
      kind: z.string().default("new"),
    }),
  );
  // The store was emptied and made anew under the next declaration.
  await migrate(after);
  world = await openWorld(shared.store, [before]);
  await append(
    world.log,
    "judged",
    [
      fits(1, '{"x":1}'),
      fits(2, String.raw`"\"text\""`),
      '{"n":3,"a":5000000000,"any":null,"price":1}',
      fits(4, "[1]"),
    ],
    { rejected: ["bad"] },
  );
  await load(after);
  expect(
    await select(
      shared.store,
      "SELECT n, a, any, toString(price) AS price, kind, _offset FROM judged ORDER BY n",
    ),
  ).toEqual([
    { n: 1, a: 1, any: '{"x":1}', price: "1.5", kind: "new", _offset: 0 },
    { n: 2, a: 2, any: '"text"', price: "1.5", kind: "new", _offset: 1 },
    { n: 4, a: 4, any: "[1]", price: "1.5", kind: "new", _offset: 3 },
  ]);
  const rejected = await select(
    shared.store,
    "SELECT event, code, errors, refused_by, _offset FROM _rejected WHERE stream = 'judged' ORDER BY _offset",
  );
  expect(rejected).toMatchObject([
    {
      event: '{"n":3,"a":5000000000,"any":null,"price":1}',
      code: "out_of_range",
      refused_by: "store",
      _offset: 2,
    },
    { event: "bad", _offset: 4 },
  ]);
  expect(rejected[0]?.["errors"]).toContain(
    "accepted under an earlier declaration; today's: expected an integer",
  );
});

test("a duplicate of an event that doesn't fit any more is stored in its place", async () => {
  const before = declare("heirs", z.object({ n: z.int32(), id: z.string(), a: z.string() }), "id");
  const after = declare(
    "heirs",
    z.object({ n: z.int32(), id: z.string(), a: z.enum(["ok"]).meta({ column: "Enum8('ok' = 1)" }) }),
    "id",
  );
  await migrate(after);
  world = await openWorld(shared.store, [before]);
  await append(world.log, "heirs", [
    { n: 0, id: "x", a: "no" },
    { n: 1, id: "x", a: "neither" },
    { n: 2, id: "x", a: "ok" },
    { n: 3, id: "x", a: "ok" },
    { n: 4, id: "y", a: "ok" },
    { n: 5, id: "y", a: "no" },
    { n: 6, id: "z", a: "no" },
  ]);
  await load(after);
  expect(await select(shared.store, "SELECT n FROM heirs ORDER BY n")).toEqual([{ n: 2 }, { n: 4 }]);
  expect(
    await select(shared.store, "SELECT _offset FROM _rejected WHERE stream = 'heirs' ORDER BY _offset"),
  ).toEqual([{ _offset: 0 }, { _offset: 1 }, { _offset: 6 }]);
});
