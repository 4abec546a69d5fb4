import type { Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { connect } from "../client.ts";
import type { Io } from "../io.ts";
import { examples, gather } from "../options.ts";
import { printAnswer, withAnswerOptions, type AnswerOptions } from "../print-answer.ts";

interface Options extends AnswerOptions {
  readonly param: readonly string[];
}

export function registerQuery(program: Command, io: Io): void {
  const command = program
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
    );
  withAnswerOptions(command)
    .addHelpText(
      "after",
      examples(
        "headrace query delays_by_origin",
        "headrace query delays_by_origin --param from=2001-03-01 --param limit=5",
        "headrace query delays_by_origin --format csv > delays.csv",
        "headrace query delays_by_origin --format parquet --out delays.parquet",
      ),
    )
    .action((endpoint: string, options: Options) => query(endpoint, options, io));
}

async function query(endpoint: string, options: Options, io: Io): Promise<void> {
  const params = options.param.map(parseParam);
  const path = `/v1/endpoints/${encodeURIComponent(endpoint)}`;
  const requestFor = (format: string | undefined) => {
    const search = new URLSearchParams(params);
    if (format !== undefined) search.append("format", format);
    return { path: search.size === 0 ? path : `${path}?${search.toString()}` };
  };
  await printAnswer(connect(io), requestFor, options, io);
}

function parseParam(text: string): [string, string] {
  const split = text.indexOf("=");
  if (split < 1) {
    throw new HeadraceError("usage", `--param ${text}: expected name=value`);
  }
  return [text.slice(0, split), text.slice(split + 1)];
}
