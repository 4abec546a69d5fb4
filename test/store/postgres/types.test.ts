import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { TYPE_SECTIONS, typeOf } from "../../../scripts/types-table.ts";
import type { TypeRow } from "../../../scripts/types-table/type-row.ts";
import { compileValidator } from "../../../src/project/compile-stream.ts";
import { columnProblem } from "../../../src/store/postgres/column-types.ts";
import type { Store } from "../../../src/store/store.ts";
import { tableSpec } from "../../../src/store/table-spec.ts";
import { acceptedLine, defineTestStream, judgeText, lineOf } from "../../project/judging.ts";
import { postgresMissing, startPostgres, type PostgresServer } from "../../support/postgres-server.ts";
import { create, failureOf, textOf } from "../support.ts";
import { openInSchema } from "./opened.ts";

const HELD = "\\u0000";

const streamOf = (row: TypeRow) => defineTestStream(z.object({ n: z.int32(), value: typeOf(row) }));

const problemOf = (row: TypeRow): string | undefined =>
  streamOf(row)
    .schema.columns.map(columnProblem)
    .find((one) => one !== undefined);

describe.skipIf(postgresMissing() !== undefined)("docs/TYPES.md on PostgreSQL", () => {
  let server: PostgresServer;
  let store: Store;
  beforeAll(async () => {
    server = await startPostgres({ settings: ["fsync = off"] });
    ({ store } = await openInSchema(server));
  });
  afterAll(async () => {
    await store.close();
    await server.remove();
  });

  let tables = 0;
  const all = TYPE_SECTIONS.flatMap((section) => [...section.rows]);
  const rows = all.filter((row) => problemOf(row) === undefined);

  test.each(all.filter((row) => problemOf(row) !== undefined))(
    "$zod is refused with the way out",
    async (row) => {
      const spec = { ...tableSpec(streamOf(row)), name: `t${tables++}` };
      const { refused } = await store.migrate([spec], { dryRun: true });
      expect(refused).toEqual([`${spec.name}: ${problemOf(row)}`]);
      expect(refused[0]).toContain("PostgreSQL at most 6");
    },
  );

  test.each(rows)("$zod is stored and comes out as the table says", async (row) => {
    const stream = streamOf(row);
    const validator = compileValidator(stream);
    const spec = { ...tableSpec(stream), name: `t${tables++}` };
    await create(store, spec);
    const examples = row.examples.filter(([sent]) => !sent.includes(HELD));
    const events = examples.map(([sent], n) => `{"n":${n},"value":${sent}}`);
    const slow = events.map((event) => acceptedLine(judgeText(stream, event)));
    const fast = events.map((event) => {
      const bytes = Buffer.from(event);
      return acceptedLine(lineOf(bytes, validator.validate(bytes, 0, bytes.length)));
    });
    const lines = [...slow, ...fast].map((line) => Buffer.from(`${line}\n`));
    await store.insert(spec.name, {
      log: "test",
      partition: 0,
      schema: stream.schema,
      lines,
      count: lines.length,
      offsets: Float64Array.from(lines.keys()),
      acceptedAt: new Float64Array(lines.length).fill(Date.now()),
    });
    const answer = await textOf(store, `SELECT value FROM ${spec.name} ORDER BY _offset`);
    const answered = answer
      .trimEnd()
      .split("\n")
      .map((line) => canonical(/^\{"value":(.*)\}$/s.exec(line)?.[1] ?? line));
    const wanted = examples.map(([, one]) => canonical(one));
    expect(answered).toEqual([...wanted, ...wanted]);
  });

  test("a text with U+0000 is refused with its reason, and names its row", async () => {
    const stream = defineTestStream(
      z.object({ n: z.int32(), value: z.string(), list: z.array(z.string()).default([]) }),
    );
    const spec = { ...tableSpec(stream), name: "nul" };
    await create(store, spec);
    const insert = (line: string) =>
      store.insert("nul", {
        log: "test",
        partition: 0,
        schema: stream.schema,
        lines: [Buffer.from(`{"n":1,"value":"a","list":[]}\n${line}\n`)],
        count: 2,
        offsets: Float64Array.of(0, 1),
        acceptedAt: new Float64Array(2),
      });
    for (const line of ['{"n":1,"value":"\\u0000","list":[]}', '{"n":1,"value":"","list":["x\\u0000"]}']) {
      expect(await failureOf(insert(line))).toMatchObject({
        code: "store_refused_events",
        message: expect.stringMatching(/^(value|list): PostgreSQL's texts can't hold the character U\+0000/),
        details: { row: 1 },
      });
    }
    await insert('{"n":1,"value":"\\\\u0000","list":["\\\\u0000"]}');
  });
});

/** The same for every order of an object's members; numbers stay letter by letter. */
function canonical(json: string): unknown {
  return JSON.parse(json, keepDigits);
}

function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" ? { number: context?.source } : value;
}
