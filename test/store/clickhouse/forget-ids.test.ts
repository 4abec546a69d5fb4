import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ClickHouseStore } from "../../../src/store/clickhouse/clickhouse-store.ts";
import { EmbeddedConnection } from "../../../src/store/clickhouse/embedded/embedded-connection.ts";
import { DAY, GIB, MINUTE, SECOND } from "../../../src/units.ts";
import { until } from "../../support/until.ts";
import { batchOf, column, create, schemaOf, tableOf } from "../support.ts";

const COLUMNS = [column("id", "string")];
const SCHEMA = schemaOf(COLUMNS, "id");

test("ids are let go by whole days of acceptance, when every id of the day was stored before", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headrace-ids-"));
  const store = await ClickHouseStore.open(
    await EmbeddedConnection.open({ folder, readers: 2, memory: 2 * GIB }),
  );
  try {
    await create(store, tableOf("ids", COLUMNS, { schema: SCHEMA, idWindow: DAY }));
    const insert = (ids: readonly string[], offset: number, acceptedAt: number) =>
      store.insert(
        "ids",
        batchOf(
          SCHEMA,
          ids.map((id) => ({ id })),
          { ids, offset, acceptedAt },
        ),
      );
    const stored = async () => [...(await store.findIds("ids", ["old", "both", "new"], 0)).keys()].sort();

    const now = Date.now();
    await insert(["old", "both"], 0, now - 3 * DAY);
    // When an id was stored is known to the second.
    const after = Math.ceil(Date.now() / SECOND + 1) * SECOND;
    await until(() => Date.now() > after);
    await insert(["new"], 2, now - 2 * DAY);
    await store.forgetIds("ids", now - MINUTE);
    expect(await stored()).toEqual(["both", "new", "old"]);
    await store.forgetIds("ids", after);
    expect(await stored()).toEqual(["new"]);
    await insert(["both"], 3, now - 3 * DAY);
    await store.forgetIds("ids", after);
    expect(await stored()).toEqual(["both", "new"]);
    await store.forgetIds("ids", Date.now() + 2 * SECOND);
    expect(await stored()).toEqual([]);
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
});
