import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { columnText } from "../../scripts/column-text.ts";
import { TYPE_SECTIONS, typeOf } from "../../scripts/types-table.ts";
import type { TypeRow } from "../../scripts/types-table/type-row.ts";
import { compileValidator } from "../../src/project/compile-stream.ts";
import { acceptedLine, defineTestStream, judgeText, lineOf } from "./judging.ts";

let folder: string;
let session: Session;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "headrace-types-"));
  session = new Session(join(folder, "db"));
});

afterAll(() => {
  session.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Loads a line into a table with the row's column, as the store does, and reads back the answer's JSON. */
function throughEngine(row: TypeRow, line: string): string {
  const stream = defineTestStream(z.object({ n: z.int32(), value: typeOf(row) }));
  const columns = stream.schema.columns
    .map((column) => `\`${column.name}\` ${columnText(column)}`)
    .join(", ");
  const file = join(folder, "batch.ndjson");
  writeFileSync(file, `${line}\n`);
  session.query("DROP TABLE IF EXISTS t");
  session.query(`CREATE TABLE t (${columns}) ENGINE = MergeTree ORDER BY n`);
  const structure = columns.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  session.query(`INSERT INTO t SELECT * FROM file('${file}', 'JSONEachRow', '${structure}') SETTINGS
    input_format_skip_unknown_fields = 0, input_format_null_as_default = 0, date_time_input_format = 'best_effort',
    precise_float_parsing = 1`);
  const answer = session.query(
    `SELECT value FROM t SETTINGS output_format_json_quote_64bit_integers = 1,
    output_format_json_quote_decimals = 1, date_time_output_format = 'iso', output_format_json_escape_forward_slashes = 0`,
    "JSONEachRow",
  );
  return /^\{"value":(.*)\}$/s.exec(answer.trim())?.[1] ?? "nothing came back";
}

/** 64-bit integers come from the engine in quotes; answers hold those of up to 53 bits without. */
function asAnswered(row: TypeRow, value: string): string {
  const [, column] = defineTestStream(z.object({ n: z.int32(), value: typeOf(row) })).schema.columns;
  if (column === undefined || !columnText(column).includes("Int64")) return value;
  return value.replaceAll(/"(-?\d{1,15}|9007199254740991)"/g, "$1");
}

describe.each(TYPE_SECTIONS.flatMap((section) => [...section.rows]))("$zod", (row) => {
  const stream = defineTestStream(z.object({ n: z.int32(), value: typeOf(row) }));

  test.each(row.examples)("takes %s and answers %s", (sent, answered) => {
    const line = acceptedLine(judgeText(stream, `{"n":1,"value":${sent}}`));
    expect(asAnswered(row, throughEngine(row, line))).toBe(answered);
  });

  test.each(row.examples)("loads %s by the fast path and answers %s", (sent, answered) => {
    const body = Buffer.from(`{"n":1,"value":${sent}}`);
    const line = acceptedLine(lineOf(body, compileValidator(stream).validate(body, 0, body.length)));
    expect(asAnswered(row, throughEngine(row, line))).toBe(answered);
  });

  test.each(row.rejects)("rejects %s as %s", (sent, code) => {
    expect(judgeText(stream, `{"n":1,"value":${sent}}`)).toMatchObject([{ code }]);
    const body = Buffer.from(`{"n":1,"value":${sent}}`);
    expect(compileValidator(stream).validate(body, 0, body.length)).toMatchObject([{ code }]);
  });
});
