import type { Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { KIB } from "../../units.ts";
import { connect, type ClientRequest } from "../client.ts";
import type { Io } from "../io.ts";
import { examples, gather } from "../options.ts";
import { printAnswer, withAnswerOptions, type AnswerOptions } from "../print-answer.ts";

/** More from standard input isn't SQL. Bytes. */
const INPUT_MAX = 256 * KIB;

interface Options extends AnswerOptions {
  readonly param: readonly string[];
}

export function registerSql(program: Command, io: Io): void {
  const command = program
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
    );
  withAnswerOptions(command)
    .addHelpText(
      "after",
      examples(
        'headrace sql "SHOW TABLES"',
        'headrace sql "SELECT origin, count() FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 10"',
        'headrace sql "SELECT count() FROM flights WHERE origin = {o:String}" --param o=JFK',
        "headrace sql - --format csv < report.sql > report.csv",
        'headrace sql "SELECT * FROM flights" --format parquet --out flights.parquet',
      ),
    )
    .action((text: string, options: Options) => runSql(text, options, io));
}

async function runSql(text: string, options: Options, io: Io): Promise<void> {
  const params = Object.fromEntries(options.param.map(parseParam));
  const client = connect(io);
  const sql = text === "-" ? await readInput(io) : text;
  const requestFor = (format: string | undefined): ClientRequest => ({
    method: "POST",
    path: format === undefined ? "/v1/sql" : `/v1/sql?format=${format}`,
    headers: { "content-type": "application/json" },
    body: new TextEncoder().encode(JSON.stringify({ sql, params })),
  });
  await printAnswer(client, requestFor, options, io);
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
