import { Option, type Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { MINUTE } from "../../units.ts";
import { connect, type Client } from "../client.ts";
import { printLine, styled, writeAll, type Io } from "../io.ts";
import { examples, gather, jsonOption } from "../options.ts";
import { readAnswer } from "../endpoint-answer.ts";
import { textOf } from "../json-value.ts";
import { formatTable } from "../table.ts";

/** A large answer on a slow line; the query itself has its own limit on the server. */
const ANSWER_TIMEOUT = 10 * MINUTE;
const FORMATS = ["table", "json", "ndjson", "csv"] as const;

interface Options {
  readonly param: readonly string[];
  readonly format?: (typeof FORMATS)[number];
  readonly json?: boolean;
}

export function registerQuery(program: Command, io: Io): void {
  program
    .command("query")
    .summary("ask an endpoint of a running server")
    .description(
      "Asks an endpoint of a running server and prints its answer: as a table on a terminal, else as JSON.",
    )
    .argument("<endpoint>", "the endpoint's name")
    .option(
      "-p, --param <name=value>",
      "a parameter; repeat it for others, and for the elements of a list",
      gather,
      [],
    )
    .addOption(new Option("--format <format>", "how the answer is printed").choices(FORMATS))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace query delays_by_origin",
        "headrace query delays_by_origin --param from=2001-03-01 --param limit=5",
        "headrace query delays_by_origin --format csv > delays.csv",
      ),
    )
    .action((endpoint: string, options: Options) => query(endpoint, options, io));
}

async function query(endpoint: string, options: Options, io: Io): Promise<void> {
  const client = connect(io);
  const params = new URLSearchParams(options.param.map(parseParam));
  const path = `/v1/endpoints/${encodeURIComponent(endpoint)}`;
  const format = options.format ?? (options.json !== true && io.stdout.isTTY === true ? "table" : "json");
  if (format === "table") {
    await printTable(client, `${path}${search(params)}`, io);
  } else {
    params.append("format", format);
    await printBody(client, `${path}${search(params)}`, io);
  }
}

function parseParam(text: string): [string, string] {
  const split = text.indexOf("=");
  if (split < 1) {
    throw new HeadraceError("usage", `--param ${text}: expected name=value`);
  }
  return [text.slice(0, split), text.slice(split + 1)];
}

function search(params: URLSearchParams): string {
  return params.size === 0 ? "" : `?${params.toString()}`;
}

async function printTable(client: Client, path: string, io: Io): Promise<void> {
  const answer = readAnswer(await client.json({ path, timeout: ANSWER_TIMEOUT }));
  const columns = answer.meta.map(({ name, type }) => ({
    name,
    align: /Int|Float|Decimal/.test(type) ? ("right" as const) : ("left" as const),
  }));
  const rows = answer.data.map((row) => columns.map(({ name }) => textOf(row[name])));
  const [header, ...lines] = formatTable(columns, rows);
  printLine(io.stdout, styled(io.stdout, "bold", header ?? ""));
  for (const line of lines) await writeAll(io.stdout, `${line}\n`);
  const seconds = answer.elapsed === undefined ? "" : ` in ${answer.elapsed.toFixed(3)} s`;
  printLine(
    io.stderr,
    styled(io.stderr, "dim", `${lines.length} ${lines.length === 1 ? "row" : "rows"}${seconds}`),
  );
}

/** Hands the answer on as it comes. */
async function printBody(client: Client, path: string, io: Io): Promise<void> {
  const response = await client.request({ path, headers: { accept: "*/*" }, timeout: ANSWER_TIMEOUT });
  let last = 0;
  try {
    for await (const chunk of response.body ?? []) {
      last = chunk.at(-1) ?? last;
      await writeAll(io.stdout, chunk);
    }
  } catch (error) {
    throw new HeadraceError("unexpected_answer", "the answer broke off before its end", { cause: error });
  }
  if (last !== "\n".charCodeAt(0)) printLine(io.stdout);
}
