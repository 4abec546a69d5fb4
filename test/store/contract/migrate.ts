import { describe, expect, test } from "vitest";
import type { Column } from "../../../src/project/column.ts";
import type { Store, TableSpec } from "../../../src/store/store.ts";
import { DAY } from "../../../src/units.ts";
import { batchOf, column, create, rowsOf, schemaOf, tableOf } from "../support.ts";

const BASE = [column("origin", "string"), column("date", { kind: "datetime", precision: 3 })];

const delay = (bits: 32 | 64, nullable: boolean): Column =>
  column("delay", { kind: "int", bits, signed: true }, nullable);

export function describeMigrate(store: () => Store): void {
  const columnsOf = async (table: string): Promise<string[]> => {
    const rows = await store().describe({ text: `SELECT * FROM ${table}`, params: {} });
    return rows.map(({ name }) => name);
  };
  const refusedOf = async (spec: TableSpec): Promise<readonly string[]> => {
    const { refused } = await store().migrate([spec], { dryRun: false });
    return refused;
  };

  describe("migrate", () => {
    test("makes missing tables, and has nothing to do when they are there", async () => {
      const spec = tableOf("made", BASE);
      const first = await store().migrate([spec], { dryRun: false });
      expect(first).toMatchObject({ refused: [] });
      expect(first.changes).toContain("made: create the table");
      expect(await columnsOf("made")).toEqual([
        "origin",
        "date",
        "_log",
        "_partition",
        "_offset",
        "_accepted_at",
      ]);

      const second = await store().migrate([spec], { dryRun: false });
      expect(second.refused).toEqual([]);
      expect(second.changes.filter((change) => change.startsWith("made:"))).toEqual([]);
    });

    test("tells what it would do and does nothing on a dry run", async () => {
      const spec = tableOf("dry", BASE);
      const plan = await store().migrate([spec], { dryRun: true });
      expect(plan.changes).toContain("dry: create the table");
      await expect(columnsOf("dry")).rejects.toMatchObject({ code: "query_failed" });

      await create(store(), spec);
      const wider = tableOf("dry", [...BASE, column("gate", "string", true)]);
      await store().migrate([wider], { dryRun: true });
      expect(await columnsOf("dry")).not.toContain("gate");
    });

    test("adds optional columns, lists and maps; rows that were there have none", async () => {
      const spec = tableOf("added", BASE);
      await create(store(), spec);
      await store().insert("added", batchOf(spec.schema, [{ origin: "JFK", date: "2024-01-01T00:00:00Z" }]));

      const columns = [
        ...BASE,
        column("gate", "string", true),
        column("tags", { kind: "array", element: { kind: "string" }, nullable: false }),
        column("kind", { kind: "enum", values: ["a"] }, true),
      ];
      const wider = tableOf("added", columns);
      const { changes, refused } = await store().migrate([wider], { dryRun: false });
      expect(refused).toEqual([]);
      expect(changes.filter((change) => change.startsWith("added:"))).toHaveLength(3);
      expect((await columnsOf("added")).slice(0, 5)).toEqual(["origin", "date", "gate", "tags", "kind"]);
      expect(await rowsOf(store(), "SELECT gate, tags, kind FROM added")).toEqual([
        { gate: null, tags: [], kind: null },
      ]);
    });

    test("still takes batches of the schema before, and the new ones", async () => {
      const before = tableOf("two_schemas", BASE);
      await create(store(), before);
      const after = tableOf("two_schemas", [...BASE, column("gate", "string", true)]);
      await create(store(), after);
      const date = "2024-01-01T00:00:00Z";
      await store().insert(
        "two_schemas",
        batchOf(after.schema, [{ origin: "B", date, gate: "7" }], { offset: 1 }),
      );
      await store().insert("two_schemas", batchOf(before.schema, [{ origin: "A", date }], { offset: 0 }));
      expect(await rowsOf(store(), "SELECT origin, gate FROM two_schemas ORDER BY origin")).toEqual([
        { origin: "A", gate: null },
        { origin: "B", gate: "7" },
      ]);
    });

    test("refuses what would lose or reinterpret data, naming the difference", async () => {
      await create(
        store(),
        tableOf("kept", [...BASE, column("delay", { kind: "int", bits: 32, signed: true })]),
      );
      expect(await refusedOf(tableOf("kept", [...BASE, delay(64, false)]))).toEqual([
        expect.stringMatching(/^kept: column delay is Int32, the declaration says Int64\. .*new stream/),
      ]);
      expect(await refusedOf(tableOf("kept", [...BASE, delay(32, true)]))).toEqual([
        expect.stringContaining("column delay is Int32, the declaration says Nullable(Int32)"),
      ]);
      expect(await refusedOf(tableOf("kept", BASE))).toEqual([
        expect.stringContaining("column delay Int32 is in the table but not in the declaration"),
      ]);
      expect(await refusedOf(tableOf("kept", [...BASE, delay(32, false), column("gate", "string")]))).toEqual(
        [expect.stringContaining("column gate String is new and required")],
      );
      const spec = tableOf("kept", [...BASE, delay(32, false)]);
      expect(await refusedOf({ ...spec, table: { ...spec.table, orderBy: ["date"] } })).toEqual([
        expect.stringContaining("table.orderBy"),
      ]);
      const partitionBy = { unit: "month", column: "date" } as const;
      expect(await refusedOf({ ...spec, table: { ...spec.table, partitionBy } })).toEqual([
        expect.stringContaining("table.partitionBy"),
      ]);
      expect(await refusedOf(spec)).toEqual([]);
    });

    test("changes nothing at all when anything is refused", async () => {
      await create(store(), tableOf("whole_a", BASE), tableOf("whole_b", BASE));
      const fine = tableOf("whole_a", [...BASE, column("gate", "string", true)]);
      const bad = tableOf("whole_b", [column("origin", "boolean"), ...BASE.slice(1)]);
      const { changes, refused } = await store().migrate([fine, bad, tableOf("whole_c", BASE)], {
        dryRun: false,
      });
      expect(refused).toHaveLength(1);
      expect(changes).toContain("whole_c: create the table");
      expect(await columnsOf("whole_a")).not.toContain("gate");
      await expect(columnsOf("whole_c")).rejects.toMatchObject({ code: "query_failed" });
    });

    test("leaves tables that nothing declares any more, and says so", async () => {
      const spec = tableOf("abandoned", BASE);
      await create(store(), spec);
      await store().insert(
        "abandoned",
        batchOf(spec.schema, [{ origin: "JFK", date: "2024-01-01T00:00:00Z" }]),
      );
      const { changes } = await store().migrate([], { dryRun: false });
      expect(changes).toContain("abandoned: kept, though nothing declares it");
      expect(await rowsOf(store(), "SELECT origin FROM abandoned")).toHaveLength(1);
    });

    test("follows a changed description and retention", async () => {
      const spec = tableOf("followed", BASE);
      await create(store(), spec);
      const ttl = { count: 2, unit: "year", column: "date" } as const;
      for (const next of [
        { ...spec, description: "It's \\ new" },
        { ...spec, table: { ...spec.table, ttl } },
        { ...spec, table: { ...spec.table, ttl: { ...ttl, count: 3 } } },
        spec,
      ]) {
        const { changes, refused } = await store().migrate([next], { dryRun: false });
        expect(refused).toEqual([]);
        expect(changes.some((change) => change.startsWith("followed: change"))).toBe(true);
        const again = await store().migrate([next], { dryRun: false });
        expect(again.changes.filter((change) => change.startsWith("followed:"))).toEqual([]);
      }
    });

    test("finishes what an earlier run left half done", async () => {
      const spec = tableOf("half", BASE, { schema: schemaOf(BASE, "origin") });
      await create(store(), spec);
      const withIds = { ...spec, idWindow: DAY };
      const { changes } = await store().migrate([withIds], { dryRun: false });
      expect(changes.filter((change) => change.startsWith("half:"))).toEqual([
        "half: keep the ids of origin, from now on",
      ]);
      expect(
        (await store().migrate([withIds], { dryRun: false })).changes.filter((c) => c.startsWith("half:")),
      ).toEqual([]);
    });

    test("refuses another id field, whose kept ids would mean something else", async () => {
      const columns = [...BASE, column("code", "string")];
      await create(
        store(),
        tableOf("ids_of", columns, { schema: schemaOf(columns, "origin"), idWindow: DAY }),
      );
      const refused = await refusedOf(
        tableOf("ids_of", columns, { schema: schemaOf(columns, "code"), idWindow: DAY }),
      );
      expect(refused).toEqual([expect.stringContaining("the id is field origin, the declaration says code")]);
    });

    test("takes every unit of partitions and retention, and names with hyphens and capitals", async () => {
      const columns = [
        column("Flight-Id", "string"),
        column("at", "date"),
        column("date", { kind: "datetime", precision: 0 }),
      ];
      const specs = (["day", "week", "month", "year"] as const).flatMap((unit) =>
        ["at", "date"].map((name) =>
          tableOf(`units_${unit}_${name}`, columns, {
            table: {
              orderBy: ["Flight-Id", "date"],
              partitionBy: { unit, column: name },
              ttl: { count: 1, unit, column: name },
            },
          }),
        ),
      );
      await create(store(), ...specs);
      const { changes } = await store().migrate(specs, { dryRun: false });
      expect(changes.filter((change) => change.startsWith("units_"))).toEqual([]);
      const far = { "Flight-Id": "x", at: "2299-12-30", date: "2299-12-30T00:00:00Z" };
      for (const { name, schema } of specs) {
        await store().insert(name, batchOf(schema, [far]));
        expect(
          await rowsOf(store(), `SELECT * EXCEPT (_log, _partition, _offset, _accepted_at) FROM ${name}`),
        ).toEqual([far]);
      }
    });
  });
}
