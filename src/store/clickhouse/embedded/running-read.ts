import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError } from "../../../errors.ts";
import { SECOND } from "../../../units.ts";
import { paramAssignments } from "../bound-params.ts";
import type { ReadAnswer, ReadRequest, ReadSummary } from "../connection.ts";
import { quoteText } from "../quote.ts";
import { cancelled, type Reader } from "./reader-pool.ts";
import type { PipeReading } from "./result-pipe.ts";

/** The engine looks at the clock between blocks; a query that is over its time by this much is killed from outside. */
const WATCHDOG_GRACE = SECOND;
/** A query may not be known to KILL yet, so it is told again. */
const KILL_INTERVAL = 250;
/** A query that goes on this long after it was told to stop is called stuck. */
export const STUCK_AFTER = 5 * SECOND;

export interface ReadHooks {
  /** Stops whatever runs with this mark. */
  kill(mark: string): Promise<void>;
  /** It doesn't stop. */
  stuck(): void;
}

/** One SELECT that runs in a reader's session. `ended` resolves when the engine's call is over, whatever came of it. */
export class RunningRead implements ReadAnswer {
  readonly ended: Promise<void>;
  readonly #mark: string;
  readonly #hooks: ReadHooks;
  readonly #call: Promise<ReadSummary>;
  readonly #reading: PipeReading;
  /** Bytes that came before anybody asked. */
  #first: Buffer | undefined;
  #over = false;
  /** Why it was stopped before its end. */
  #stopped: HeadraceError | undefined;
  #summary: ReadSummary | undefined;

  constructor(reader: Reader, request: ReadRequest, mark: string, hooks: ReadHooks) {
    this.#mark = mark;
    this.#hooks = hooks;
    this.#call = reader.session.run(script(request, mark, reader.pipe.path), request.format);
    this.#reading = reader.pipe.begin(this.#call);
    const { signal, limits } = request;
    const abort = (): void => this.stop(cancelled());
    signal?.addEventListener("abort", abort, { once: true });
    const watchdog = setTimeout(() => this.stop(timedOut(limits.time)), limits.time + WATCHDOG_GRACE);
    this.ended = this.#call.then(noop, noop).finally(() => {
      this.#over = true;
      clearTimeout(watchdog);
      signal?.removeEventListener("abort", abort);
    });
  }

  /** Resolves when the first bytes are there or the query has ended, and fails when it failed before. */
  async begin(): Promise<void> {
    this.#first = await this.next();
  }

  async next(): Promise<Buffer | undefined> {
    const chunk = this.#first ?? (await this.#reading.next());
    this.#first = undefined;
    if (this.#stopped !== undefined) throw this.#stopped;
    if (chunk === undefined) this.#summary = await this.#call;
    return chunk;
  }

  leave(): void {
    this.stop(cancelled());
  }

  summary(): ReadSummary {
    return this.#summary ?? { elapsed: 0, rowsRead: 0, bytesRead: 0 };
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
      if (!stuck && !this.#over && performance.now() - since > STUCK_AFTER) {
        stuck = true;
        this.#hooks.stuck();
      }
    }
  }
}

/** All limits are set each time, because a session keeps what it was told. */
function script(request: ReadRequest, mark: string, pipe: string): string {
  const { sql, format, limits } = request;
  const settings = [
    `max_execution_time=${limits.time / SECOND}`,
    `max_memory_usage=${limits.memory}`,
    `max_result_rows=${limits.rows}`,
    `log_comment=${quoteText(mark)}`,
    ...paramAssignments(sql.params),
  ];
  // What follows the text stands on its own line, in case the text ends in a comment.
  return `SET ${settings.join(", ")};\n${sql.text}\nINTO OUTFILE ${quoteText(pipe)} TRUNCATE FORMAT ${format}`;
}

export function timedOut(time: number): HeadraceError {
  return new HeadraceError("query_timeout", `The query ran longer than ${time / SECOND} s`);
}

function noop(): void {
  // What the call gave is looked at elsewhere.
}
