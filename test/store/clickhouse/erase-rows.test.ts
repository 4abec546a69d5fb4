import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ClickHouseStore } from "../../../src/store/clickhouse/clickhouse-store.ts";
import type { ClickHouseConnection } from "../../../src/store/clickhouse/connection.ts";
import { EmbeddedConnection } from "../../../src/store/clickhouse/embedded/embedded-connection.ts";
import type { Store } from "../../../src/store/store.ts";
import { DAY, GIB } from "../../../src/units.ts";
import { batchOf, column, create, failureOf, rowsOf, schemaOf, tableOf } from "../support.ts";

const COLUMNS = [column("text", "string")];
const PLAIN = tableOf("plain", COLUMNS);
const WITH_IDS = tableOf("with_ids", COLUMNS, { schema: schemaOf(COLUMNS, "text"), idWindow: DAY });

let folder: string;
let store: Store;
/** Done before a mutation is handed in: after the rows were counted. */
let beforeMutation: (() => Promise<void>) | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-erase-"));
  const engine = await EmbeddedConnection.open({ folder, readers: 2, memory: 2 * GIB });
  const connection: ClickHouseConnection = {
    run: async (sql, format) => {
      if (sql.startsWith("ALTER TABLE")) await beforeMutation?.();
      return engine.run(sql, format);
    },
    insert: (...statements) => engine.insert(...statements),
    read: (request) => engine.read(request),
    close: () => engine.close(),
  };
  store = await ClickHouseStore.open(connection);
  await create(store, PLAIN, WITH_IDS);
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  beforeMutation = undefined;
  for (const { name } of [PLAIN, WITH_IDS]) await store.erase(name, {}, { dryRun: false });
});

const insert = (table: typeof PLAIN, offset: number, ...texts: string[]): Promise<void> =>
  store.insert(
    table.name,
    batchOf(
      table.schema,
      texts.map((text) => ({ text })),
      { offset, ...(table === WITH_IDS ? { ids: texts } : {}) },
    ),
  );
const texts = async (table: typeof PLAIN): Promise<unknown[]> =>
  (await rowsOf(store, `SELECT text FROM ${table.name} ORDER BY text`)).map(({ text }) => text);
const unfinished = async (): Promise<number> =>
  (await rowsOf(store, "SELECT mutation_id FROM system.mutations WHERE NOT is_done AND NOT is_killed"))
    .length;

for (const table of [PLAIN, WITH_IDS]) {
  test(`${table.name}: a row that comes between the count and the mutation, and can't be computed with, ends the erasure, which holds up nothing after it`, async () => {
    await insert(table, 0, "1", "2", "3");
    beforeMutation = async () => {
      beforeMutation = undefined;
      await insert(table, 3, "four");
    };
    const failure = await failureOf(
      store.erase(table.name, { where: "toInt32(text) < 3" }, { dryRun: false }),
    );
    expect(failure).toMatchObject({ code: "condition_invalid" });
    expect(failure.message).toContain("four");
    // The engine would try it for ever, and nothing that comes later would be done.
    expect(await unfinished()).toBe(0);
    expect(await texts(table)).toContain("four");

    expect(await store.erase(table.name, { where: "text = 'four'" }, { dryRun: false })).toBe(1);
    // Parts in which it could be computed may be done already.
    await store.erase(table.name, { where: "toInt32(text) < 3" }, { dryRun: false });
    expect(await texts(table)).toEqual(["3"]);
  });
}

test("a mutation that can't be handed in is a failure of the store, and what was asked may be asked again", async () => {
  await insert(PLAIN, 0, "1", "2");
  beforeMutation = () => Promise.reject(new Error("the connection is gone"));
  expect(await failureOf(store.erase("plain", { where: "text = '1'" }, { dryRun: false }))).toMatchObject({
    code: "store_failed",
  });
  beforeMutation = undefined;
  expect(await texts(PLAIN)).toEqual(["1", "2"]);
  expect(await store.erase("plain", { where: "text = '1'" }, { dryRun: false })).toBe(1);
});
