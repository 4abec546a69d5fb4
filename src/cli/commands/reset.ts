import type { Command } from "commander";
import { MINUTE } from "../../units.ts";
import { connect } from "../client.ts";
import { confirm } from "../confirm.ts";
import { printLine, type Io } from "../io.ts";
import { membersOf } from "../json-value.ts";
import { examples, jsonOption } from "../options.ts";
import { formatCount } from "../progress.ts";

const RESET_TIMEOUT = 5 * MINUTE;

interface Options {
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function registerReset(program: Command, io: Io): void {
  program
    .command("reset")
    .summary("empty a stream")
    .description(
      "Empties a stream: its rows, its rejected events and its ids go, and what isn't loaded yet won't be. " +
        "What comes afterwards is stored as ever.",
    )
    .argument("<stream>", "the stream's name")
    .option("-y, --yes", "don't ask")
    .addOption(jsonOption())
    .addHelpText("after", examples("headrace reset flights", "headrace reset flights --yes --json"))
    .action((stream: string, options: Options) => reset(stream, options, io));
}

async function reset(stream: string, options: Options, io: Io): Promise<void> {
  const client = connect(io);
  const path = `/v1/streams/${encodeURIComponent(stream)}`;
  if (options.yes !== true) {
    // Also whether there is such a stream.
    const counts = membersOf(membersOf(await client.json({ path }))["counts"]);
    const rows =
      typeof counts["events"] === "number" ? ` with its ${formatCount(counts["events"])} rows` : "";
    await confirm(io, `Everything of ${stream}${rows} goes for good.`, stream);
  }
  const answer = membersOf(
    await client.json({
      method: "POST",
      path: `${path}/reset`,
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify({ confirm: stream })),
      timeout: RESET_TIMEOUT,
    }),
  );
  const { deleted, rejected_deleted: rejected } = answer;
  if (options.json === true) printLine(io.stdout, JSON.stringify(answer));
  else if (deleted === null)
    printLine(io.stdout, "The server goes on emptying the stream, whatever happens.");
  else {
    printLine(
      io.stdout,
      `${stream} is empty: ${formatCount(Number(deleted))} rows and ${formatCount(Number(rejected))} rejected events are gone`,
    );
  }
}
