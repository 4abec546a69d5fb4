import { Option, type Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { KIB } from "../../units.ts";
import { connect, type ClientRequest } from "../client.ts";
import type { Io } from "../io.ts";
import { examples, gather, jsonOption } from "../options.ts";
import { PRINT_FORMATS, printBody, printFormat, printTable, type PrintFormat } from "../print-answer.ts";

/** More from standard input isn't SQL. Bytes. */
const INPUT_MAX = 256 * KIB;

interface Options {
  readonly param: readonly string[];
  readonly format?: PrintFormat;
  readonly json?: boolean;
}

export function registerSql(program: Command, io: Io): void {
  program
    .command("sql")
    .summary("run one SELECT on a running server")
    .description(
      "Runs one SELECT over the streams on a running server and prints the answer: as a table on a terminal, else as JSON. " +
        "DESCRIBE <stream> and SHOW TABLES work too.",
    )
    .argument("<sql>", "the SQL; - reads it from standard input")
    .option(
      "-p, --param <name=value>",
      "a value for {name:Type} in the SQL; repeat it for others",
      gather,
      [],
    )
    .addOption(new Option("--format <format>", "how the answer is printed").choices(PRINT_FORMATS))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        'headrace sql "SHOW TABLES"',
        'headrace sql "SELECT origin, count() FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 10"',
        'headrace sql "SELECT count() FROM flights WHERE origin = {o:String}" --param o=JFK',
        "headrace sql - --format csv < report.sql > report.csv",
      ),
    )
    .action((text: string, options: Options) => runSql(text, options, io));
}

async function runSql(text: string, options: Options, io: Io): Promise<void> {
  const client = connect(io);
  const sql = text === "-" ? await readInput(io) : text;
  const params = Object.fromEntries(options.param.map(parseParam));
  const request = (path: string): ClientRequest => ({
    method: "POST",
    path,
    headers: { "content-type": "application/json" },
    body: new TextEncoder().encode(JSON.stringify({ sql, params })),
  });
  const format = printFormat(options, io);
  if (format === "table") await printTable(client, request("/v1/sql"), io);
  else await printBody(client, request(`/v1/sql?format=${format}`), io);
}

async function readInput(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    const buffer = Buffer.from(chunk as Uint8Array | string);
    bytes += buffer.length;
    if (bytes > INPUT_MAX) {
      throw new HeadraceError("input_unreadable", `the SQL is longer than ${INPUT_MAX / KIB} KiB`);
    }
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseParam(text: string): [string, string] {
  const split = text.indexOf("=");
  if (split < 1) throw new HeadraceError("usage", `--param ${text}: expected name=value`);
  return [text.slice(0, split), text.slice(split + 1)];
}
