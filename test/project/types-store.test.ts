import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { TYPE_SECTIONS, typeOf } from "../../scripts/types-table.ts";
import type { TypeRow } from "../../scripts/types-table/type-row.ts";
import { compileSql } from "../../src/project/compile-sql.ts";
import { compileValidator } from "../../src/project/compile-stream.ts";
import type { Stream } from "../../src/project/declarations.ts";
import { LIMITS_DEFAULT } from "../../src/project/define-endpoint.ts";
import { sql } from "../../src/project/sql.ts";
import { openTemporaryStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { tableSpec } from "../../src/store/table-spec.ts";
import { acceptedLine, defineTestStream, judgeText, lineOf } from "./judging.ts";

let store: Store;

beforeAll(async () => {
  store = await openTemporaryStore();
});

afterAll(async () => {
  await store.close();
});

let tables = 0;

/** Loads lines into a new table of the store and gives back what an answer holds for `value`, row by row, as JSON text. */
async function throughStore(stream: Stream, lines: readonly string[]): Promise<string[]> {
  const name = `t${tables++}`;
  await store.migrate([{ ...tableSpec(stream), name }], { dryRun: false });
  await store.insert(name, {
    log: "test",
    partition: 0,
    schema: stream.schema,
    lines: lines.map((line) => Buffer.from(`${line}\n`)),
    count: lines.length,
    offsets: Float64Array.from(lines.keys()),
    acceptedAt: new Float64Array(lines.length).fill(Date.now()),
  });
  const result = await store.query({
    sql: compileSql(sql`SELECT value FROM ${sql.identifier(name)} ORDER BY n`, "clickhouse"),
    format: "ndjson",
    limits: LIMITS_DEFAULT,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of result.chunks) chunks.push(chunk);
  const rows = Buffer.concat(chunks).toString().trimEnd().split("\n");
  return rows.map((row) => /^\{"value":(.*)\}$/s.exec(row)?.[1] ?? `not a row: ${row}`);
}

const streamOf = (row: TypeRow): Stream => defineTestStream(z.object({ n: z.int32(), value: typeOf(row) }));
const eventOf = (sent: string, index = 0): Buffer => Buffer.from(`{"n":${index},"value":${sent}}`);

describe.each(TYPE_SECTIONS.flatMap((section) => [...section.rows]))("$zod", (row) => {
  const stream = streamOf(row);
  const validator = compileValidator(stream);
  const sent = row.examples.map(([example], index) => eventOf(example, index));
  const answered = row.examples.map(([, answer]) => answer);

  test("what is taken is stored and comes out as the table says", async () => {
    const lines = sent.map((event) => acceptedLine(judgeText(stream, event.toString())));
    expect(await throughStore(stream, lines)).toEqual(answered);
  });

  test("the fast path stores the same", async () => {
    const lines = sent.map((event) =>
      acceptedLine(lineOf(event, validator.validate(event, 0, event.length))),
    );
    expect(await throughStore(stream, lines)).toEqual(answered);
  });

  test.each(row.rejects)("%s is rejected as %s", (bad, code) => {
    const event = eventOf(bad);
    expect(judgeText(stream, event.toString())).toMatchObject([{ code }]);
    expect(validator.validate(event, 0, event.length)).toMatchObject([{ code }]);
  });
});

test("floats come out as the very ones that were sent", async () => {
  const stream = defineTestStream(z.object({ n: z.int32(), value: z.number() }));
  const bits = new BigUint64Array(1);
  const double = new Float64Array(bits.buffer);
  const values: number[] = [];
  // A linear congruential generator: the same doubles of all magnitudes in each run.
  for (
    let state = 1n;
    values.length < 5_000;
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n)
  ) {
    bits[0] = state;
    const value = double[0] ?? Number.NaN;
    if (Number.isFinite(value)) values.push(value);
  }
  const lines = values.map((value, index) =>
    acceptedLine(judgeText(stream, `{"n":${index},"value":${value}}`)),
  );
  const answers = await throughStore(stream, lines);
  expect(answers.map(Number)).toEqual(values);
});
