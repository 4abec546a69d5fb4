import type { Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { MINUTE } from "../../units.ts";
import { connect, type Client } from "../client.ts";
import { confirm } from "../confirm.ts";
import { printLine, type Io } from "../io.ts";
import { membersOf } from "../json-value.ts";
import { examples, jsonOption } from "../options.ts";
import { formatCount } from "../progress.ts";

/** The server answers after half a minute at the latest, but may count for longer before. */
const ERASE_TIMEOUT = 5 * MINUTE;

interface Options {
  readonly where?: string;
  readonly rejected?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function registerDelete(program: Command, io: Io): void {
  program
    .command("delete")
    .summary("erase rows of a stream")
    .description(
      "Erases rows of a stream, with their ids, or rejected events: those that were accepted until now. " +
        "Says how many first, and asks.",
    )
    .argument("<stream>", "the stream's name")
    .option("--where <expression>", "rows and rejected events for which this SQL over the columns is true")
    .option("--rejected <text>", "rejected events in which this text stands")
    .option("--dry-run", "only say how many")
    .option("-y, --yes", "don't ask")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace delete clicks --where \"user_id = 'u1'\" --dry-run",
        "headrace delete clicks --where \"user_id = 'u1'\" --rejected u1",
        "headrace delete flights --where \"date < '2001-01-01'\" --yes",
      ),
    )
    .action((stream: string, options: Options) => erase(stream, options, io));
}

async function erase(stream: string, options: Options, io: Io): Promise<void> {
  const { where, rejected, json = false } = options;
  if (where === undefined && rejected === undefined) {
    throw new HeadraceError("usage", "Say what to erase: --where, --rejected or both");
  }
  const client = connect(io);
  const request = { stream, where, rejected };
  if (options.dryRun === true || options.yes !== true) {
    const would = await ask(client, request, true);
    if (options.dryRun === true) return print(io, would, { json, verb: "would be erased" });
    await confirm(io, `${describe(would)} of ${stream} are to be erased for good.`, stream);
  }
  const erased = await ask(client, request, false);
  print(io, erased, { json, verb: "erased" });
}

interface Answer {
  readonly deleted: unknown;
  readonly rejected_deleted: unknown;
}

async function ask(
  client: Client,
  wanted: {
    readonly stream: string;
    readonly where: string | undefined;
    readonly rejected: string | undefined;
  },
  dryRun: boolean,
): Promise<Answer> {
  const query = new URLSearchParams();
  if (wanted.where !== undefined) query.set("where", wanted.where);
  if (wanted.rejected !== undefined) query.set("rejected", wanted.rejected);
  if (dryRun) query.set("dry_run", "true");
  const path = `/v1/streams/${encodeURIComponent(wanted.stream)}/events?${query.toString()}`;
  const answer = membersOf(await client.json({ method: "DELETE", path, timeout: ERASE_TIMEOUT }));
  return { deleted: answer["deleted"], rejected_deleted: answer["rejected_deleted"] };
}

function print(
  io: Io,
  answer: Answer,
  { json, verb }: { readonly json: boolean; readonly verb: string },
): void {
  if (json) printLine(io.stdout, JSON.stringify(answer));
  else if (answer.deleted === null) printLine(io.stdout, "The server goes on erasing, whatever happens.");
  else printLine(io.stdout, `${describe(answer)} ${verb}`);
}

function describe({ deleted, rejected_deleted: rejected }: Answer): string {
  const rows = `${formatCount(Number(deleted))} ${deleted === 1 ? "row" : "rows"}`;
  if (rejected === 0) return rows;
  return `${rows} and ${formatCount(Number(rejected))} rejected ${rejected === 1 ? "event" : "events"}`;
}
