import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError } from "../../../errors.ts";
import { SECOND } from "../../../units.ts";
import { paramAssignments } from "../bound-params.ts";
import { ClickHouseError } from "../clickhouse-error.ts";
import type { ReadAnswer, ReadRequest } from "../connection.ts";
import { limitSettings } from "../engine-settings.ts";
import { quoteText } from "../quote.ts";
import type { EngineAnswer } from "./engine-session.ts";
import { cancelled } from "../waiting-line.ts";
import type { Reader } from "./reader-pool.ts";
import type { PipeReading, ResultPipe } from "./result-pipe.ts";

/** The engine looks at the clock between blocks; a query that is over its time by this much is killed from outside. */
const WATCHDOG_GRACE = SECOND;
/** The longest that a timer can wait: 24 days. */
const TIMER_MAX = 2 ** 31 - 1;
/** A query may not be known to KILL yet, so it is told again. */
const KILL_INTERVAL = 250;
/** A query that goes on this long after it was told to stop is called stuck. */
export const STUCK_AFTER = 5 * SECOND;

export interface ReadHooks {
  /** Stops whatever runs with this mark. */
  kill(mark: string): Promise<void>;
  /** It hasn't stopped `stuckAfter` milliseconds after it was told to. */
  stuck(): void;
  readonly stuckAfter: number;
}

/** One SELECT that runs in a reader's session. `ended` resolves when the engine's call is over, whatever came of it. */
export class RunningRead implements ReadAnswer {
  readonly ended: Promise<void>;
  readonly #mark: string;
  readonly #hooks: ReadHooks;
  readonly #call: Promise<EngineAnswer>;
  readonly #reading: PipeReading;
  readonly #pipe: ResultPipe;
  /** Most formats have a header. */
  readonly #mayBeEmpty: boolean;
  #over = false;
  #empty = true;
  /** Why it was stopped before its end. */
  #stopped: HeadraceError | undefined;
  #elapsed = 0;

  constructor(reader: Reader, request: ReadRequest, mark: string, hooks: ReadHooks) {
    this.#mark = mark;
    this.#hooks = hooks;
    this.#call = run(reader, request, mark);
    this.#pipe = reader.pipe;
    this.#mayBeEmpty = request.mayBeEmpty === true;
    this.#reading = reader.pipe.begin(this.#call);
    const { signal, limits } = request;
    const abort = (): void => this.stop(cancelled());
    signal?.addEventListener("abort", abort, { once: true });
    const patience = Math.min(limits.time + WATCHDOG_GRACE, TIMER_MAX);
    const watchdog = setTimeout(() => this.stop(timedOut(limits.time)), patience);
    this.ended = this.#call.then(noop, noop).finally(() => {
      this.#over = true;
      clearTimeout(watchdog);
      signal?.removeEventListener("abort", abort);
    });
  }

  async next(): Promise<Buffer | undefined> {
    const chunk = await this.#reading.next();
    if (this.#stopped !== undefined) throw this.#stopped;
    if (chunk !== undefined) {
      this.#empty = false;
      return chunk;
    }
    this.#elapsed = (await this.#call).elapsed;
    // If the pipe's name was taken away, the engine wrote into a new file of that name.
    if (!this.#empty || (this.#mayBeEmpty && (await this.#pipe.isThere()))) return undefined;
    throw new HeadraceError("store_failed", "The answer got lost: the store's temporary files are gone");
  }

  leave(): void {
    this.stop(cancelled());
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Ends it early: its consumer gets the error at once, the engine is told until it obeys. */
  stop(error: HeadraceError): void {
    if (this.#over || this.#stopped !== undefined) return;
    this.#stopped = error;
    this.#reading.cancel();
    void this.#kill();
  }

  async #kill(): Promise<void> {
    const since = performance.now();
    let stuck = false;
    while (!this.#over) {
      await this.#hooks.kill(this.#mark);
      await Promise.race([this.ended, sleep(KILL_INTERVAL)]);
      if (!stuck && !this.#over && performance.now() - since > this.#hooks.stuckAfter) {
        stuck = true;
        this.#hooks.stuck();
      }
    }
  }
}

async function run(reader: Reader, request: ReadRequest, mark: string): Promise<EngineAnswer> {
  try {
    return await reader.session.run(script(request, mark, reader.pipe.path), request.format);
  } catch (error) {
    throw withoutSuffix(error, request);
  }
}

/** All limits are set each time, because a session keeps what it was told. A fenced session has its own already. */
function script(request: ReadRequest, mark: string, pipe: string): string {
  const { sql, format, fenced } = request;
  const limits = fenced === true ? {} : limitSettings(request.limits);
  const settings = [
    ...Object.entries(limits).map(([name, value]) => `${name}=${value}`),
    ...paramAssignments(sql.params),
  ];
  const set = settings.length === 0 ? "" : `SET ${settings.join(", ")};\n`;
  // What follows the text stands on its own line, in case the text ends in a comment.
  return `${set}${sql.text}\n/* ${mark} */ INTO OUTFILE ${quoteText(pipe)} TRUNCATE FORMAT ${format}`;
}

/** Takes what was put behind the SQL out of an error about it. */
function withoutSuffix(error: unknown, { sql, fenced }: ReadRequest): unknown {
  if (!(error instanceof ClickHouseError)) return error;
  // A fenced text has been parsed before; a line in an error about it is that of the text that it holds as a value.
  const isBehind = (at: number): boolean => fenced !== true && at > sql.text.split("\n").length;
  const line = Number(/^Code: 62\..*\(line (\d+), col \d+\)/.exec(error.message)?.[1] ?? 1);
  const message = isBehind(line)
    ? "Syntax error: the SQL ends too early, or ends with a clause that isn't part of a SELECT"
    : error.message.replaceAll(
        /\s*(?:(?:\/\* headrace-\d+ \*\/ )?INTO )?OUTFILE '[^']*' TRUNCATE FORMAT \w+/g,
        "",
      );
  return new ClickHouseError(message, error.code, error);
}

function timedOut(time: number): HeadraceError {
  return new HeadraceError("query_timeout", `The query ran longer than ${time / SECOND} s`);
}

function noop(): void {
  // What the call gave is looked at elsewhere.
}
