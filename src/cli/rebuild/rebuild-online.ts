import { setTimeout as sleep } from "node:timers/promises";
import { ERRORS, HeadraceError, type ErrorCode } from "../../errors.ts";
import { MINUTE, SECOND } from "../../units.ts";
import type { Client } from "../client.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { printLine, type Io } from "../io.ts";
import { membersOf, textOf } from "../json-value.ts";
import { formatCount, liveLines, progressBar } from "../progress.ts";
import { count, printOutcome, type Outcome } from "./print-outcome.ts";

/** How often the server is asked how far it is. */
const LOOK_INTERVAL = SECOND / 4;
/** Checking may count a large table and wait for the loader. */
const BEGIN_TIMEOUT = 5 * MINUTE;
/** How long a server that doesn't answer may take to come back, so that a lost connection isn't the end. */
const AWAY_MAX = 30 * SECOND;

export interface OnlineOptions {
  readonly stream: string;
  readonly allowPartial: boolean;
  readonly json: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** Has the server make the table anew, and shows how far it is. */
export async function rebuildOnline(client: Client, options: OnlineOptions, io: Io): Promise<void> {
  const { stream, allowPartial } = options;
  const id = await begin(client, stream, allowPartial, io);
  const interrupt = listenForInterrupt();
  const live = liveLines(io.stderr);
  try {
    for (;;) {
      const rebuild = await look(client, stream, interrupt.signal);
      if (rebuild["id"] !== id) throw gone(stream);
      const [done, of] = [Number(rebuild["done"]), Number(rebuild["of"])];
      const line = () => [
        `${progressBar(of === 0 ? undefined : done / of)}  ${formatCount(done)} of ${formatCount(of)} events`.trim(),
      ];
      if (rebuild["state"] !== "running") return finish(rebuild, options, io);
      if (!options.json) live.update(line);
      await sleep(LOOK_INTERVAL, undefined, { signal: interrupt.signal });
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    printLine(
      io.stderr,
      `The server goes on. \`headrace rebuild ${stream}\` shows it again, \`headrace rebuild ${stream} --cancel\` stops it.`,
    );
    process.exitCode = 1;
  } finally {
    interrupt.dispose();
  }
}

/** What the server would do. */
export async function planOnline(client: Client, options: OnlineOptions, io: Io): Promise<void> {
  const plan = membersOf(await client.json(post(options.stream, "dry_run=true")));
  if (options.json) return printLine(io.stdout, JSON.stringify(plan));
  const { rows, from_log: fromLog, copied, lost, to_load: toLoad, refused } = plan;
  const parts = [
    `${count(rows, "row")} now`,
    `${formatCount(Number(fromLog))} from the log`,
    ...(copied === 0 ? [] : [`${count(copied, "older row")} to copy`]),
    ...(lost === 0 ? [] : [`${count(lost, "older row")} would be lost`]),
    ...(toLoad === 0 ? [] : [`${count(toLoad, "event")} of the log to look at again`]),
  ];
  printLine(io.stdout, `${options.stream}: ${parts.join(", ")}`);
  if (typeof refused === "string") printLine(io.stdout, `refused without --allow-partial: ${refused}`);
}

export async function cancelOnline(client: Client, options: OnlineOptions, io: Io): Promise<void> {
  const path = `/v1/streams/${encodeURIComponent(options.stream)}/rebuild`;
  const answer = membersOf(await client.json({ method: "DELETE", path, timeout: BEGIN_TIMEOUT }));
  if (options.json) return printLine(io.stdout, JSON.stringify(answer["rebuild"]));
  const { state } = membersOf(answer["rebuild"]);
  const said =
    state === "cancelled" ? "the rebuild is cancelled, the table is as it was" : "no rebuild was running";
  printLine(io.stdout, `${options.stream}: ${said}`);
}

/** Begins one, or finds the one that runs. Gives its id. */
async function begin(client: Client, stream: string, allowPartial: boolean, io: Io): Promise<unknown> {
  try {
    const answer = await client.json(post(stream, `allow_partial=${allowPartial}`));
    return membersOf(membersOf(answer)["rebuild"])["id"];
  } catch (error) {
    if (!(error instanceof HeadraceError) || error.code !== "stream_busy") throw error;
    const running = membersOf(membersOf(await client.json({ path: pathOf(stream) }))["rebuild"]);
    if (running["state"] !== "running") throw error;
    printLine(io.stderr, `A rebuild of ${stream} runs already, since ${textOf(running["started_at"])}`);
    return running["id"];
  }
}

async function look(client: Client, stream: string, signal: AbortSignal): Promise<Members> {
  const deadline = performance.now() + AWAY_MAX;
  for (;;) {
    try {
      const described = membersOf(await client.json({ path: pathOf(stream), signal }));
      return typeof described["rebuild"] === "object" ? membersOf(described["rebuild"]) : {};
    } catch (error) {
      if (!(error instanceof HeadraceError) || !ERRORS[error.code].retryable) throw error;
      if (performance.now() > deadline) throw error;
      await sleep(LOOK_INTERVAL, undefined, { signal });
    }
  }
}

function finish(rebuild: Members, { stream, json }: OnlineOptions, io: Io): void {
  const { state, error } = rebuild;
  if (state === "done")
    return printOutcome(stream, membersOf(rebuild["outcome"]) as unknown as Outcome, json, io);
  if (state === "cancelled") {
    throw new HeadraceError(
      "rebuild_cancelled",
      `The rebuild of ${stream} was cancelled: the table is as it was`,
    );
  }
  const { code, message } = membersOf(error);
  throw new HeadraceError(isErrorCode(code) ? code : "unexpected_answer", textOf(message));
}

function gone(stream: string): HeadraceError {
  return new HeadraceError(
    "server_unreachable",
    `The server was started anew: unless the new table of ${stream} had taken its place already, the old one is as it was. Run it again`,
  );
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

const pathOf = (stream: string): string => `/v1/streams/${encodeURIComponent(stream)}`;

const post = (stream: string, query: string) =>
  ({ method: "POST", path: `${pathOf(stream)}/rebuild?${query}`, timeout: BEGIN_TIMEOUT }) as const;
