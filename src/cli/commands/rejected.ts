import type { Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { MINUTE } from "../../units.ts";
import { connect, type Client } from "../client.ts";
import { printLine, styled, writeAll, type Io } from "../io.ts";
import { membersOf, textOf } from "../json-value.ts";
import { examples, integerBetween, jsonOption } from "../options.ts";
import { formatCount, liveLines } from "../progress.ts";
import { formatTable } from "../table.ts";

/** Events of one request of a replay: progress is shown after each. */
const REPLAY_STEP = 10_000;
const REPLAY_TIMEOUT = 5 * MINUTE;
const LIST_MAX = 1_000;
/** Reasons that are shown. */
const ERRORS_SHOWN = 10;

interface Options {
  readonly replay?: boolean;
  readonly code?: string;
  readonly before?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function registerRejected(program: Command, io: Io): void {
  program
    .command("rejected")
    .summary("list a stream's rejected events, or replay them")
    .description(
      "Lists a stream's rejected events, newest first. With --replay they are validated again by today's schema; " +
        "those that pass are stored, each exactly once, and the others stay.",
    )
    .argument("<stream>", "the stream's name")
    .option("--replay", "validate them again, and store those that pass now")
    .option("--code <code>", "only those whose first reason has this code")
    .option("--before <time>", "only those that were rejected before this time: 2026-01-31T12:00:00Z")
    .option("--limit <events>", "how many are listed", integerBetween(1, LIST_MAX), 50)
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace rejected flights",
        "headrace rejected flights --code invalid_type --json",
        "headrace rejected flights --replay",
        "headrace rejected flights --replay --code invalid_type --before 2026-01-31",
      ),
    )
    .action((stream: string, options: Options) =>
      options.replay === true ? replay(stream, options, io) : list(stream, options, io),
    );
}

async function list(stream: string, options: Options, io: Io): Promise<void> {
  const client = connect(io);
  const query = new URLSearchParams({ limit: String(options.limit) });
  if (options.code !== undefined) query.set("code", options.code);
  if (options.before !== undefined) query.set("before", options.before);
  const path = `/v1/streams/${encodeURIComponent(stream)}/rejected?${query.toString()}`;
  const { data, next } = membersOf(await client.json({ path }));
  if (!Array.isArray(data))
    throw new HeadraceError("unexpected_answer", "the answer holds no rejected events");
  const events = data.map(membersOf);
  if (options.json === true) {
    for (const event of events) await writeAll(io.stdout, `${JSON.stringify(event)}\n`);
    return;
  }
  const columns = ["time", "code", "path", "message", "event"].map((name) => ({ name }));
  const [header, ...lines] = formatTable(columns, events.map(rowOf));
  printLine(io.stdout, styled(io.stdout, "bold", header ?? ""));
  for (const line of lines) await writeAll(io.stdout, `${line}\n`);
  const more = next === null ? "" : "; there are more";
  const count = `${formatCount(events.length)} rejected ${events.length === 1 ? "event" : "events"}${more}`;
  printLine(io.stderr, styled(io.stderr, "dim", count));
}

function rowOf(event: Readonly<Record<string, unknown>>): readonly string[] {
  const { reasons } = event;
  const reason = membersOf(Array.isArray(reasons) ? (reasons[0] as unknown) : undefined);
  return [event["time"], reason["code"], reason["path"], reason["message"], event["event"]].map(textOf);
}

interface Total {
  replayed: number;
  still_rejected: number;
  readonly errors: Readonly<Record<string, unknown>>[];
}

async function replay(stream: string, options: Options, io: Io): Promise<void> {
  const client = connect(io);
  const live = liveLines(io.stderr);
  const total: Total = { replayed: 0, still_rejected: 0, errors: [] };
  const line = () => [
    `${formatCount(total.replayed)} replayed, ${formatCount(total.still_rejected)} still rejected`,
  ];
  // Without a filter: all there are.
  const before = options.before ?? (options.code === undefined ? ALL_TIMES : undefined);
  let cursor: unknown = undefined;
  do {
    const answer = await replayStep(client, stream, { code: options.code, before, cursor });
    total.replayed += Number(answer["replayed"]);
    total.still_rejected += Number(answer["still_rejected"]);
    const { errors } = answer;
    if (Array.isArray(errors))
      total.errors.push(...errors.slice(0, ERRORS_SHOWN - total.errors.length).map(membersOf));
    cursor = answer["next"];
    if (options.json !== true) live.update(line);
  } while (typeof cursor === "string");
  if (options.json === true) printLine(io.stdout, JSON.stringify(total));
  else printTotal(io, stream, total);
}

/** After every time that an event can have been rejected at. */
const ALL_TIMES = "9999-12-31";

async function replayStep(
  client: Client,
  stream: string,
  body: { readonly code: string | undefined; readonly before: string | undefined; readonly cursor: unknown },
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await client.json({
    method: "POST",
    path: `/v1/streams/${encodeURIComponent(stream)}/rejected/replay`,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ ...body, limit: REPLAY_STEP })),
    timeout: REPLAY_TIMEOUT,
  });
  return membersOf(answer);
}

function printTotal(io: Io, stream: string, { replayed, still_rejected: still, errors }: Total): void {
  printLine(io.stdout, `${stream}: ${formatCount(replayed)} replayed, ${formatCount(still)} still rejected`);
  for (const error of errors) {
    const path = error["path"] === "" ? "" : ` ${textOf(error["path"])}`;
    const reason = `  ${textOf(error["id"])}${path}: ${textOf(error["message"])} (${textOf(error["code"])})`;
    printLine(io.stdout, styled(io.stdout, "yellow", reason));
  }
}
