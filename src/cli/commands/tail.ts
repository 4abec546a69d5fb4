import type { Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { connect, type Client } from "../client.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { printLine, styled, writeAll, type Io } from "../io.ts";
import { membersOf, textOf } from "../json-value.ts";
import { examples, gather, integerBetween, jsonOption } from "../options.ts";
import { follow } from "../tail/follow.ts";
import type { ServerSentEvent } from "../tail/read-events.ts";
import { TailTable } from "../tail/tail-table.ts";

const LIMIT_MAX = 1_000_000_000;
/** Characters of a line when the terminal doesn't say how many it has. */
const SCREEN_WIDTH = 100;

interface Options {
  readonly filter: readonly string[];
  readonly from?: string;
  readonly limit?: number;
  readonly json?: boolean;
}

export function registerTail(program: Command, io: Io): void {
  program
    .command("tail")
    .summary("watch a stream's events as they are accepted")
    .description(
      "Prints a stream's events as a running server accepts them, until Ctrl-C: as a table on a terminal, else as JSON " +
        "lines. When the connection is lost it goes on after the last event. docs/TAIL.md says more.",
    )
    .argument("<stream>", "the stream's name")
    .option(
      "-f, --filter <field=value>",
      "only events whose field has exactly this value; repeat it for others, all of which must hold",
      gather,
      [],
    )
    .option(
      "--from <where>",
      "start (the oldest that the log keeps), now, or the id of an event to go on after",
      "now",
    )
    .option("-n, --limit <events>", "end after so many events", integerBetween(1, LIMIT_MAX))
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace tail flights",
        "headrace tail flights --filter origin=JFK --filter destination=LAX",
        "headrace tail flights --from start --limit 1000 > flights.ndjson",
      ),
    )
    .action((stream: string, options: Options) => tail(stream, options, io));
}

async function tail(stream: string, options: Options, io: Io): Promise<void> {
  const client = connect(io);
  const isTable = options.json !== true && io.stdout.isTTY === true;
  const print = isTable ? await tablePrinter(client, stream, io) : linePrinter(io);
  const interrupt = listenForInterrupt();
  const events = follow(client, {
    path: pathOf(stream, options),
    signal: interrupt.signal,
    onReconnect: (why) => note(io, `${why}; connecting again`),
  });
  try {
    let left = options.limit ?? Infinity;
    for await (const event of events) {
      if (event.type !== "") {
        noteNotice(io, event);
        continue;
      }
      await print(event.data);
      if (--left === 0) return;
    }
  } finally {
    interrupt.dispose();
  }
}

function pathOf(stream: string, options: Options): string {
  const query = new URLSearchParams();
  for (const filter of options.filter) {
    const split = filter.indexOf("=");
    if (split < 1) throw new HeadraceError("usage", `--filter ${filter}: expected field=value`);
    query.append(`filter.${filter.slice(0, split)}`, filter.slice(split + 1));
  }
  if (options.from !== undefined) query.append("from", options.from);
  return `/v1/streams/${encodeURIComponent(stream)}/tail?${query.toString()}`;
}

type Print = (event: string) => Promise<void>;

function linePrinter(io: Io): Print {
  return (event) => writeAll(io.stdout, `${event}\n`);
}

/** The declared columns, in their order: an event may lack some. */
async function tablePrinter(client: Client, stream: string, io: Io): Promise<Print> {
  const { columns } = membersOf(await client.json({ path: `/v1/streams/${encodeURIComponent(stream)}` }));
  if (!Array.isArray(columns)) {
    throw new HeadraceError("unexpected_answer", "the description of the stream has no `columns`");
  }
  const names = columns
    .map((column) => textOf(membersOf(column)["name"]))
    .filter((name) => !name.startsWith("_"));
  const table = new TailTable(names, io.stdout.columns ?? SCREEN_WIDTH);
  return async (event) => {
    for (const { kind, text } of table.lines(membersOf(JSON.parse(event)))) {
      await writeAll(io.stdout, `${kind === "header" ? styled(io.stdout, "bold", text) : text}\n`);
    }
  };
}

function noteNotice(io: Io, { type, data }: ServerSentEvent): void {
  switch (type) {
    case "gap":
      note(io, "some events are missing here: the log doesn't hold them any more");
      break;
    case "dropped":
      note(io, "this reader was too slow for the server");
      break;
    case "end":
      note(io, `the server ended it (${textOf(membersOf(JSON.parse(data))["reason"])})`);
      break;
    default:
  }
}

function note(io: Io, text: string): void {
  printLine(io.stderr, styled(io.stderr, "dim", text));
}
