import { rename, rm, writeFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import { HeadraceError, messageOf } from "../errors.ts";
import { MINUTE } from "../units.ts";
import type { Client, ClientRequest } from "./client.ts";
import { readAnswer } from "./endpoint-answer.ts";
import { printLine, styled, writeAll, type Io } from "./io.ts";
import { textOf } from "./json-value.ts";
import { jsonOption } from "./options.ts";
import { formatTable } from "./table.ts";

/** A large answer on a slow line; the query itself has its own limit on the server. */
const ANSWER_TIMEOUT = 10 * MINUTE;
const FORMATS = ["table", "json", "ndjson", "csv", "parquet", "arrow"] as const;
const BINARY: readonly string[] = ["parquet", "arrow"];

/** How an answer is printed. */
export interface AnswerOptions {
  readonly format?: (typeof FORMATS)[number];
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds the options of a command that prints an answer. */
export function withAnswerOptions(command: Command): Command {
  return command
    .addOption(new Option("--format <format>", "how the answer is printed").choices(FORMATS))
    .option("-o, --out <file>", "write the answer to a file, which is there only once it is whole")
    .addOption(jsonOption());
}

/**
 * Asks and prints: as a table on a terminal, else as JSON, unless the options say otherwise.
 * @param requestFor The request that asks for a format; undefined is the server's own choice.
 */
export async function printAnswer(
  client: Client,
  requestFor: (format: string | undefined) => ClientRequest,
  options: AnswerOptions,
  io: Io,
): Promise<void> {
  const isShown = options.json !== true && options.out === undefined && io.stdout.isTTY === true;
  const format = options.format ?? (isShown ? "table" : "json");
  checkOutput(format, options, io);
  if (format === "table") return printTable(client, requestFor(undefined), io);
  const request = requestFor(format);
  const response = await client.request({
    timeout: ANSWER_TIMEOUT,
    ...request,
    headers: { ...request.headers, accept: "*/*" },
  });
  if (options.out === undefined) await printBody(response, !BINARY.includes(format), io);
  else await saveBody(response, options.out);
}

function checkOutput(format: string, { out }: AnswerOptions, io: Io): void {
  if (out !== undefined && format === "table") {
    throw new HeadraceError("usage", "--out: a table is for the terminal; give --format csv or another");
  }
  if (out === undefined && BINARY.includes(format) && io.stdout.isTTY === true) {
    throw new HeadraceError(
      "usage",
      `--format ${format}: it isn't text; give --out <file>, or redirect the output`,
    );
  }
}

async function printTable(client: Client, request: ClientRequest, io: Io): Promise<void> {
  const answer = readAnswer(await client.json({ timeout: ANSWER_TIMEOUT, ...request }));
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
async function printBody(response: Response, isText: boolean, io: Io): Promise<void> {
  let last = 0;
  for await (const chunk of chunksOf(response)) {
    last = chunk.at(-1) ?? last;
    await writeAll(io.stdout, chunk);
  }
  if (isText && last !== "\n".charCodeAt(0)) printLine(io.stdout);
}

/** Under another name until it is whole, so that a part is never taken for the answer. */
async function saveBody(response: Response, path: string): Promise<void> {
  const part = `${path}.part`;
  try {
    await writeFile(part, chunksOf(response));
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof HeadraceError) throw error;
    throw new HeadraceError("output_failed", `${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    yield* response.body ?? [];
  } catch (error) {
    throw new HeadraceError("unexpected_answer", "the answer broke off before its end", { cause: error });
  }
}
