import { HeadraceError } from "../errors.ts";
import { MINUTE } from "../units.ts";
import type { Client, ClientRequest } from "./client.ts";
import { readAnswer } from "./endpoint-answer.ts";
import { printLine, styled, writeAll, type Io } from "./io.ts";
import { textOf } from "./json-value.ts";
import { formatTable } from "./table.ts";

/** A large answer on a slow line; the query itself has its own limit on the server. */
const ANSWER_TIMEOUT = 10 * MINUTE;

/** How an answer is printed. */
export const PRINT_FORMATS = ["table", "json", "ndjson", "csv"] as const;
export type PrintFormat = (typeof PRINT_FORMATS)[number];

/** The wanted format; without one a table on a terminal, and JSON elsewhere. */
export function printFormat(
  options: { readonly format?: PrintFormat; readonly json?: boolean },
  io: Io,
): PrintFormat {
  return options.format ?? (options.json !== true && io.stdout.isTTY === true ? "table" : "json");
}

/** Prints a JSON answer as a table, with its rows and seconds on standard error. */
export async function printTable(client: Client, request: ClientRequest, io: Io): Promise<void> {
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
export async function printBody(client: Client, request: ClientRequest, io: Io): Promise<void> {
  const response = await client.request({
    timeout: ANSWER_TIMEOUT,
    ...request,
    headers: { ...request.headers, accept: "*/*" },
  });
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
