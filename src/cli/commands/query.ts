import { Option, type Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { connect } from "../client.ts";
import type { Io } from "../io.ts";
import { examples, gather, jsonOption } from "../options.ts";
import { PRINT_FORMATS, printBody, printFormat, printTable, type PrintFormat } from "../print-answer.ts";

interface Options {
  readonly param: readonly string[];
  readonly format?: PrintFormat;
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
    .addOption(new Option("--format <format>", "how the answer is printed").choices(PRINT_FORMATS))
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
  const format = printFormat(options, io);
  if (format === "table") {
    await printTable(client, { path: `${path}${search(params)}` }, io);
  } else {
    params.append("format", format);
    await printBody(client, { path: `${path}${search(params)}` }, io);
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
