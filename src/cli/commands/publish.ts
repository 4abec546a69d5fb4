import { Option, type Command } from "commander";
import { HeadraceError } from "../../errors.ts";
import { MIB, SECOND } from "../../units.ts";
import { connect } from "../client.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, integerBetween, jsonOption } from "../options.ts";
import { formatCount, liveLines, progressBar } from "../progress.ts";
import { FORMATS, openInput, STDIN, type Format, type Input } from "../publish/input.ts";
import { publishEvents, type PublishSummary } from "../publish/publish-events.ts";
import { COMPRESSIONS, type Compression } from "../publish/send-batch.ts";

interface Options {
  readonly format?: Format;
  readonly batch: number;
  readonly batchBytes: number;
  readonly inFlight: number;
  readonly compression: Compression;
  readonly rate?: number;
  readonly retries: number;
  readonly allowRejected?: boolean;
  readonly json?: boolean;
}

export function registerPublish(program: Command, io: Io): void {
  program
    .command("publish")
    .summary("send events to a stream of a running server")
    .description(
      "Sends events to a stream of a running server: from NDJSON, JSON (an array or one event), CSV (with a header row) or Parquet files, or standard input. " +
        "Parquet's times without a zone are taken as UTC. A batch that gets no answer is sent again with the same " +
        "Idempotency-Key, so that it counts once.",
    )
    .argument("<stream>", "the stream's name")
    .argument("[file...]", `files, or ${STDIN} for standard input (default)`)
    .addOption(
      new Option("--format <format>", "the input's format (default: by the file's name; ndjson)").choices(
        FORMATS,
      ),
    )
    .option("--batch <events>", "events of a request", integerBetween(1, 500_000), 5_000)
    .addOption(
      new Option("--batch-bytes <bytes>", "bytes of a request before compression")
        .argParser(integerBetween(1, 64 * MIB))
        .default(2 * MIB, "2 MiB"),
    )
    .option(
      "--in-flight <requests>",
      "requests at once; 1 keeps the events in order",
      integerBetween(1, 32),
      3,
    )
    .addOption(
      new Option("--compression <encoding>", "how requests are compressed")
        .choices(COMPRESSIONS)
        .default("zstd"),
    )
    .option(
      "--rate <events>",
      "events a second (default: as fast as they go)",
      integerBetween(1, 100_000_000),
    )
    .option("--retries <times>", "how often a request is sent again", integerBetween(0, 1_000), 10)
    .option("--allow-rejected", "exit with 0 although events were rejected")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace publish flights events.ndjson",
        "headrace publish flights january.parquet february.parquet --in-flight 1",
        "gunzip -c flights.csv.gz | headrace publish flights - --format csv",
        "tail -f events.ndjson | headrace publish flights -",
        "HEADRACE_URL=https://events.example.com headrace publish flights events.json --rate 1000",
      ),
    )
    .action((stream: string, files: readonly string[], options: Options) =>
      publish(stream, files, options, io),
    );
}

async function publish(stream: string, files: readonly string[], options: Options, io: Io): Promise<void> {
  const client = connect(io);
  const input = await openInput(files.length === 0 ? [STDIN] : files, options.format, io.stdin);
  // Nobody there: said at once, where a batch would be tried again for a minute.
  await client.request({ path: "/livez" });
  if (files.length === 0 && isTerminal(io.stdin)) {
    printLine(io.stderr, "Reading events from the terminal, one JSON object a line; Ctrl-D ends them.");
  }

  const live = liveLines(io.stderr);
  const interrupt = listenForInterrupt();
  try {
    const summary = await publishEvents({
      client,
      stream,
      read: (signal) => input.read(signal),
      batch: { events: options.batch, bytes: options.batchBytes },
      inFlight: options.inFlight,
      compression: options.compression,
      rate: options.rate,
      retries: options.retries,
      signal: interrupt.signal,
      onProgress: (soFar) => {
        if (options.json !== true) live.update(() => [progressLine(soFar, input)]);
      },
    });
    if (options.json === true) printLine(io.stdout, JSON.stringify(jsonSummary(summary)));
    else {
      if (io.stderr.isTTY === true) live.finish(() => [progressLine(summary, input)]);
      // That nothing came of it is said by the error alone.
      if (summary.failure === undefined || summary.batches > 0) printSummary(io, stream, summary);
    }
    failWhenIncomplete(summary, options.allowRejected === true);
  } finally {
    interrupt.dispose();
  }
}

/** Whoever only forgot the file's name would wait for it to end. */
function isTerminal(stdin: Io["stdin"]): boolean {
  return "isTTY" in stdin && stdin.isTTY === true;
}

function progressLine(summary: PublishSummary, input: Input): string {
  const events = summary.accepted + summary.rejected;
  const rate = events / (summary.duration / SECOND);
  const retries = summary.retries > 0 ? `, ${formatCount(summary.retries)} retries` : "";
  return `${progressBar(input.fraction())}  ${formatCount(events)} events, ${formatCount(rate)} events/s${retries}`.trimStart();
}

function printSummary(io: Io, stream: string, summary: PublishSummary): void {
  const seconds = (summary.duration / SECOND).toFixed(1);
  printLine(
    io.stdout,
    `${stream}: ${formatCount(summary.accepted)} accepted, ${formatCount(summary.rejected)} rejected in ${seconds} s`,
  );
  for (const error of summary.errors) {
    const at = error.path === "" ? "" : ` ${error.path}`;
    printLine(
      io.stdout,
      styled(
        io.stdout,
        "yellow",
        `  event ${formatCount(error.event)}${at}: ${error.message} (${error.code})`,
      ),
    );
  }
  const more = summary.rejected - summary.errors.length;
  if (summary.errors.length > 0 && more > 0) printLine(io.stdout, `  and ${formatCount(more)} more`);
}

function jsonSummary({ failure, duration, ...summary }: PublishSummary) {
  return {
    ...summary,
    seconds: duration / SECOND,
    ...(failure === undefined ? {} : { failure: { code: failure.code, message: failure.message } }),
  };
}

function failWhenIncomplete(summary: PublishSummary, allowRejected: boolean): void {
  const { accepted, rejected, failure } = summary;
  if (failure !== undefined) {
    if (accepted + rejected === 0) throw failure;
    throw new HeadraceError(
      failure.code,
      `${failure.message}; until then ${formatCount(accepted)} events were accepted and ${formatCount(rejected)} rejected`,
      { cause: failure },
    );
  }
  if (rejected > 0 && !allowRejected) {
    throw new HeadraceError(
      "events_rejected",
      `${formatCount(rejected)} of ${formatCount(accepted + rejected)} events were rejected`,
    );
  }
}
