import { z } from "zod";
import { EVENT_ERROR_CODES } from "../src/project/validate/event-error-codes.ts";
import { eventTypeOf } from "../src/project/schema/stream-schema.ts";
import { clickhouseType } from "../src/store/clickhouse/column-types.ts";
import { columnProblem, postgresType } from "../src/store/postgres/column-types.ts";
import { TYPE_SECTIONS, typeOf } from "./types-table.ts";
import type { TypeRow } from "./types-table/type-row.ts";

const HEAD = `# Types

Generated from \`scripts/types-table.ts\` by \`scripts/generate-types-doc.ts\`; edit there. Every example below is a test: it is
sent through the validator, loaded into the engine and read back.

A stream's schema is a \`z.object()\` of [Zod 4](https://zod.dev). It says what is on the wire in JSON, and each field becomes a
column. What a column can't hold exactly is rejected, never changed; an event that is rejected is kept with its reasons.

## Rules

- **Objects are strict**: an unknown field rejects the event. \`z.looseObject\` takes unknown fields and drops them; keep what you
  want to have later in a field of type \`z.json()\` or \`z.record()\`.
- **Null is absent.** \`.optional()\`, \`.nullable()\` and \`.nullish()\` mean the same: the field may be missing or null, and the column
  is Nullable. Arrays, records and objects have no null in a table: they need a \`.default()\`.
- **Defaults** are stored when the event comes in, in place of a missing or null field. A function as a default is called for each event.
- **Integers** are taken in any spelling of JSON that is whole: \`5\`, \`5.0\` and \`5e0\` are the same number. \`-0\` is 0. 64-bit integers may be
  strings of digits too. In answers integers are JSON numbers up to 53 bits, and strings of digits beyond.
- **Floats** round fractions to the nearest, as floats are. An integer that would come back as another one is rejected
  (\`not_exact\`), and so is a number that overflows or that vanishes to 0 (\`out_of_range\`).
- **Datetimes** are stored in UTC, whatever offset they came with. They keep 3 digits of a second; say
  \`.meta({ column: "DateTime64(6, 'UTC')" })\` for more. A datetime without a zone (\`local: true\`) means UTC.
- **JSON is read strictly**: a field that is there twice, half of a surrogate pair, invalid UTF-8 and numbers of over 1,000
  characters reject the event. Arrays and objects nest at most 32 deep, the event itself counted.
- **Names** of fields start with a letter and hold letters A-Z, digits, \`_\` and \`-\`, at most 64 characters. Names that start with \`_\` are Headrace's own.
- **Checks** such as \`.min()\`, \`.max()\`, \`.length()\` and formats are compiled where that is sure; \`.refine()\` and the like run in
  Zod, which is slower. Asynchronous checks can't run.
- **What changes a value is refused** when the project is loaded: \`.transform()\`, \`.pipe()\`, \`.catch()\`, \`z.coerce\`, \`.trim()\`. Declare
  what is on the wire, and change values before sending or in an endpoint's SQL. Unions, tuples, \`z.date()\`, \`z.map()\`, \`z.set()\` and
  types that hold themselves have no column; the error names the field and the way out.

## Columns of your own

\`.meta({ column: "…" })\` gives the column where Zod can't say it: String, Enum8/16, Bool, Int8 to Int64, UInt8 to UInt64,
Float32/64, Decimal(P, S), Date, Date32, DateTime, DateTime64(P), UUID, IPv4, IPv6, LowCardinality(String), and Array(T) and
Map(String, T) of these on the whole field. The column's limits become rules for the event. \`.optional()\` makes it Nullable; times are in UTC.

These are ClickHouse's words. A store on PostgreSQL has the column that holds the same values, which the tables name; what they say of storage alone
(LowCardinality, Date for Date32) means nothing there, and what PostgreSQL can't hold, such as 9 digits of a second, is refused by \`headrace check\` and at the start.
[POSTGRES.md](POSTGRES.md) has the rest, U+0000 in texts among it.`;

/** docs/TYPES.md */
export function typesDoc(): string {
  const sections = TYPE_SECTIONS.flatMap(({ title, rows }) => [`## ${title}`, table(rows)]);
  const codes = Object.entries(EVENT_ERROR_CODES).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`);
  const errors = ["| code | meaning |", "| --- | --- |", ...codes].join("\n");
  return `${[HEAD, ...sections, "## Codes of rejected events", errors].join("\n\n")}\n`;
}

function table(rows: readonly TypeRow[]): string {
  const lines = rows.map((row) => {
    const examples = row.examples.map(([sent, answered]) => `${code(sent)} → ${code(answered)}`);
    const rejects = row.rejects.map(([sent, reason]) => `${code(sent)} ${reason}`);
    return `| ${code(row.zod)} | ${cell(row.accepts)} | ${code(columnOf(row))} | ${inPostgres(row)} | ${examples.join("<br>")} | ${rejects.join("<br>")} |`;
  });
  return [
    "| type | JSON taken | column | in PostgreSQL | sent → answered | rejected |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function columnOf(row: TypeRow): string {
  const [field] = eventTypeOf(z.object({ value: typeOf(row) }), "docs").fields;
  return field === undefined ? "" : clickhouseType(field.column);
}

function inPostgres(row: TypeRow): string {
  const [field] = eventTypeOf(z.object({ value: typeOf(row) }), "docs").fields;
  if (field === undefined) return "";
  return columnProblem(field.column) === undefined ? code(postgresType(field.column.type)) : "refused";
}

/** Code in a cell: HTML, since names of types hold backticks and values hold bars. */
function code(text: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("|", "&#124;");
  return `<code>${escaped.replaceAll("`", "&#96;").replaceAll("\\", "&#92;").replaceAll("_", "&#95;").replaceAll("*", "&#42;")}</code>`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
