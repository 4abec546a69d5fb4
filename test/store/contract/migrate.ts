import { describe, expect, test } from "vitest";
import type { Column } from "../../../src/project/column.ts";
import type { Store, TableSpec } from "../../../src/store/store.ts";
import { DAY } from "../../../src/units.ts";
import { batchOf, column, create, rowsOf, schemaOf, tableOf } from "../support.ts";
import type { StoreWords } from "../words.ts";

const BASE = [column("origin", "string"), column("date", { kind: "datetime", precision: 3 })];

const delay = (bits: 32 | 64, nullable: boolean): Column =>
  column("delay", { kind: "int", bits, signed: true }, nullable);

export function describeMigrate(store: () => Store, words: StoreWords): void {
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
      const declared = (await columnsOf("added")).filter((name) => !name.startsWith("_"));
      expect(declared).toEqual(["origin", "date", "gate", "tags", "kind"]);
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

    test("widens a column without changing a value, and takes batches of the schema before", async () => {
      const wider: readonly (readonly [
        string,
        Column["type"],
        boolean,
        Column["type"],
        boolean,
        unknown,
        unknown,
      ])[] = [
        [
          "i",
          { kind: "int", bits: 32, signed: true },
          false,
          { kind: "int", bits: 64, signed: true },
          false,
          -7,
          -7,
        ],
        [
          "u",
          { kind: "int", bits: 8, signed: false },
          false,
          { kind: "int", bits: 16, signed: true },
          true,
          255,
          255,
        ],
        [
          "if",
          { kind: "int", bits: 32, signed: true },
          false,
          { kind: "float", bits: 64 },
          false,
          2147483647,
          2147483647,
        ],
        ["f", { kind: "float", bits: 32 }, false, { kind: "float", bits: 64 }, false, 0.5, 0.5],
        ["n", { kind: "string" }, false, { kind: "string" }, true, "x", "x"],
        ["e", { kind: "enum", values: ["a"] }, false, { kind: "enum", values: ["a", "b"] }, true, "a", "a"],
        ["s", { kind: "enum", values: ["a"] }, false, { kind: "string" }, false, "a", "a"],
        [
          "d",
          { kind: "decimal", precision: 10, scale: 2 },
          false,
          { kind: "decimal", precision: 18, scale: 4 },
          false,
          1.25,
          "1.25",
        ],
        [
          "t",
          { kind: "datetime", precision: 3 },
          false,
          { kind: "datetime", precision: 6 },
          false,
          "2024-01-01T00:00:00.123Z",
          "2024-01-01T00:00:00.123000Z",
        ],
        [
          "l",
          { kind: "array", element: { kind: "int", bits: 8, signed: true }, nullable: false },
          false,
          { kind: "array", element: { kind: "int", bits: 16, signed: true }, nullable: true },
          false,
          [1],
          [1],
        ],
        [
          "m",
          { kind: "map", value: { kind: "int", bits: 8, signed: true }, nullable: false },
          false,
          { kind: "map", value: { kind: "int", bits: 16, signed: true }, nullable: false },
          false,
          { a: 1 },
          { a: 1 },
        ],
        [
          "id",
          { kind: "uuid" },
          false,
          { kind: "string" },
          true,
          "5a4e9475-1c0b-4814-9c66-7ca459632f45",
          "5a4e9475-1c0b-4814-9c66-7ca459632f45",
        ],
      ];
      const before = tableOf("widened", [
        ...BASE,
        ...wider.map(([name, type, nullable]) => column(name, type, nullable)),
      ]);
      await create(store(), before);
      const row = {
        origin: "JFK",
        date: "2024-01-01T00:00:00.000Z",
        ...Object.fromEntries(wider.map((one) => [one[0], one[5]])),
      };
      await store().insert("widened", batchOf(before.schema, [row]));
      const after = tableOf("widened", [...BASE, ...wider.map((one) => column(one[0], one[3], one[4]))]);
      const { changes, refused } = await store().migrate([after], { dryRun: false });
      expect(refused).toEqual([]);
      expect(changes).toContain(
        `widened: column i becomes ${words.types.int64} (it is ${words.types.int32})`,
      );
      expect(changes.filter((change) => change.startsWith("widened:"))).toHaveLength(
        wider.length - words.silentWidenings,
      );
      const again = await store().migrate([after], { dryRun: true });
      expect(again.changes.filter((change) => change.startsWith("widened:"))).toEqual([]);

      await store().insert("widened", batchOf(before.schema, [row], { offset: 1 }));
      const expected = {
        origin: "JFK",
        date: "2024-01-01T00:00:00.000Z",
        ...Object.fromEntries(wider.map((one) => [one[0], one[6]])),
      };
      const names = after.schema.columns.map(({ name }) => name).join(", ");
      expect(await rowsOf(store(), `SELECT ${names} FROM widened ORDER BY _offset`)).toEqual([
        expected,
        expected,
      ]);
      expect(await store().fits("widened", before.schema)).toBe(true);
    });

    test("adds columns with a default, which the rows that are there have too", async () => {
      const spec = tableOf("defaulted", BASE);
      await create(store(), spec);
      const row = { origin: "JFK", date: "2024-01-01T00:00:00Z" };
      await store().insert("defaulted", batchOf(spec.schema, [row]));
      const columns = [
        ...BASE,
        column("quote", "string"),
        column("count", { kind: "int", bits: 64, signed: true }),
        column("flag", "boolean"),
        column("at", { kind: "datetime", precision: 3 }),
        column("kind", { kind: "enum", values: ["it"] }),
      ];
      const defaults = new Map([
        ["quote", String.raw`"it's \"\\ \u00e9"`],
        ["count", "9007199254740993"],
        ["flag", "true"],
        ["at", '"2024-01-01T10:00:00.500Z"'],
        ["kind", '"it"'],
      ]);
      const { changes, refused } = await store().migrate([tableOf("defaulted", columns, { defaults })], {
        dryRun: false,
      });
      expect(refused).toEqual([]);
      expect(changes).toContain(
        `defaulted: add column flag ${words.types.bool}, which is true in the rows that are there`,
      );
      await store().insert("defaulted", batchOf(spec.schema, [row], { offset: 1 }));
      const has = {
        quote: "it's \"\\ é",
        count: "9007199254740993",
        flag: true,
        at: "2024-01-01T10:00:00.500Z",
        kind: "it",
      };
      expect(await rowsOf(store(), "SELECT quote, count, flag, at, kind FROM defaulted")).toEqual([has, has]);
      expect(await store().fits("defaulted", spec.schema)).toBe(true);
    });

    test("keeps a column that isn't declared any more with its values; new rows have null there", async () => {
      const columns = [
        ...BASE,
        delay(32, false),
        column("tags", { kind: "array", element: { kind: "string" }, nullable: false }),
      ];
      const before = tableOf("parted", columns);
      await create(store(), before);
      const row = { origin: "A", date: "2024-01-01T00:00:00Z" };
      await store().insert("parted", batchOf(before.schema, [{ ...row, delay: 1, tags: ["x"] }]));
      const after = tableOf("parted", BASE);
      const { changes, refused } = await store().migrate([after], { dryRun: false });
      expect(refused).toEqual([]);
      expect(changes.filter((change) => change.startsWith("parted:"))).toEqual([
        `parted: keep column delay as ${words.types.nullableInt32}, though nothing declares it any more`,
        "parted: keep column tags, though nothing declares it any more",
      ]);
      const own = async (spec: TableSpec) =>
        (await store().migrate([spec], { dryRun: false })).changes.filter((line) =>
          line.startsWith("parted:"),
        );
      expect(await own(after)).toEqual([]);
      await store().insert("parted", batchOf(after.schema, [{ ...row, origin: "B" }], { offset: 1 }));
      // What still waits in the log from before fits too.
      expect(await store().fits("parted", before.schema)).toBe(true);
      await store().insert(
        "parted",
        batchOf(before.schema, [{ ...row, origin: "C", delay: 3, tags: [] }], { offset: 2 }),
      );
      expect(await rowsOf(store(), "SELECT origin, delay, tags FROM parted ORDER BY origin")).toEqual([
        { origin: "A", delay: 1, tags: ["x"] },
        { origin: "B", delay: null, tags: [] },
        { origin: "C", delay: 3, tags: [] },
      ]);
      const back = tableOf("parted", [...BASE, delay(32, true)]);
      expect(await own(back)).toEqual(["parted: column delay is declared again"]);
      expect(await own(back)).toEqual([]);
    });

    test("refuses what looks like a rename, with both ways out", async () => {
      await create(store(), tableOf("renamed", [...BASE, delay(32, false)]));
      const refused = await refusedOf(
        tableOf("renamed", [...BASE, column("late_by", { kind: "int", bits: 32, signed: true }, true)]),
      );
      expect(refused).toEqual([
        expect.stringMatching(
          /^renamed: column delay .* isn't declared any more and late_by is new: a rename\? .*coalesce\(late_by, delay\).*start once without delay/,
        ),
      ]);
    });

    test("refuses what would lose or reinterpret data, naming the difference", async () => {
      await create(store(), tableOf("kept", [...BASE, delay(64, true)]));
      expect(await refusedOf(tableOf("kept", [...BASE, delay(32, true)]))).toEqual([
        expect.stringMatching(
          /^kept: column delay is .*, the declaration says .*, which can't hold .*headrace rebuild kept/,
        ),
      ]);
      expect(await refusedOf(tableOf("kept", [...BASE, delay(32, true)]))).toEqual([
        expect.stringContaining(
          `column delay is ${words.types.nullableInt64}, the declaration says ${words.types.nullableInt32}, which`,
        ),
      ]);
      expect(await refusedOf(tableOf("kept", [...BASE, delay(64, false)]))).toEqual([
        expect.stringContaining(
          `column delay is ${words.types.nullableInt64}, the declaration says ${words.types.int64}, which can't hold`,
        ),
      ]);
      expect(await refusedOf(tableOf("kept", [...BASE, column("delay", "string", true)]))).toHaveLength(1);
      expect(await refusedOf(tableOf("kept", [...BASE, delay(64, true), column("gate", "string")]))).toEqual([
        expect.stringContaining(`column gate ${words.types.string} is new and required`),
      ]);
      const spec = tableOf("kept", [...BASE, delay(64, true)]);
      expect(await refusedOf({ ...spec, table: { ...spec.table, orderBy: ["date"] } })).toEqual([
        expect.stringMatching(
          /table\.orderBy is \(origin\), the declaration says \(date\)\. .*headrace rebuild kept/,
        ),
      ]);
      const partitionBy = { unit: "month", column: "date" } as const;
      expect(await refusedOf({ ...spec, table: { ...spec.table, partitionBy } })).toEqual([
        expect.stringContaining("table.partitionBy"),
      ]);
      const [, date] = BASE;
      expect(
        await refusedOf(
          tableOf(
            "kept",
            [column("origin", "string", true), date ?? BASE[0], delay(64, true)].filter(
              (one) => one !== undefined,
            ),
          ),
        ),
      ).toEqual([expect.stringContaining("rows are sorted, divided or dropped by it")]);
      expect(await refusedOf(spec)).toEqual([]);
    });

    test("tells which schemas' rows a table takes as they are", async () => {
      await create(store(), tableOf("fitted", [...BASE, delay(32, false), column("gate", "string", true)]));
      const fits = async (...columns: Column[]) => store().fits("fitted", schemaOf([...BASE, ...columns]));
      expect(await fits(delay(32, false), column("gate", "string", true))).toBe(true);
      expect(await fits(column("delay", { kind: "int", bits: 16, signed: true }))).toBe(true);
      expect(await fits(delay(64, false))).toBe(false);
      expect(await fits(delay(32, true))).toBe(false);
      expect(await fits(column("gate", "string", true))).toBe(false);
      expect(await fits(delay(32, false), column("seat", "string", true))).toBe(false);
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
        expect(await rowsOf(store(), `SELECT ${words.quote("Flight-Id")}, at, date FROM ${name}`)).toEqual([
          far,
        ]);
      }
    });
  });
}
