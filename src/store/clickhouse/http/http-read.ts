import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError, messageOf } from "../../../errors.ts";
import { SECOND } from "../../../units.ts";
import { ClickHouseError } from "../clickhouse-error.ts";
import type { ReadAnswer, ReadRequest } from "../connection.ts";
import { ExceptionWatch } from "./exception.ts";
import { cancelled } from "../waiting-line.ts";

/** The server looks at the clock between blocks; a query that is over its time by this much is ended from outside. */
const WATCHDOG_GRACE = SECOND;
/** The longest that a timer can wait: 24 days. */
const TIMER_MAX = 2 ** 31 - 1;
/** A query may not be known to KILL yet, so it is told again. Milliseconds. */
const KILL_INTERVAL = 100;
/** After so long a query that doesn't stop is left to its time limit. Milliseconds. */
const KILL_PATIENCE = 5 * SECOND;

export interface ReadHooks {
  /** Sends the query. Aborting breaks the connection off. */
  send(signal: AbortSignal): Promise<IncomingMessage>;
  /** Stops the query in the server; false when it isn't running any more. */
  kill(): Promise<boolean>;
}

/** One SELECT that runs in a server. `ended` resolves when it runs no more, whatever came of it. */
export class HttpRead implements ReadAnswer {
  readonly ended: Promise<void>;
  readonly #hooks: ReadHooks;
  readonly #began = performance.now();
  readonly #breakOff = new AbortController();
  readonly #end = Promise.withResolvers<void>();
  readonly #answer: Promise<IncomingMessage>;
  #chunks: AsyncIterator<Buffer> | undefined;
  #watch: ExceptionWatch | undefined;
  #over = false;
  #elapsed = 0;
  /** Why it was stopped before its end. */
  #stopped: HeadraceError | undefined;

  constructor({ signal, limits }: ReadRequest, hooks: ReadHooks) {
    this.#hooks = hooks;
    const abort = (): void => this.stop(cancelled());
    signal?.addEventListener("abort", abort, { once: true });
    const timedOut = new HeadraceError(
      "query_timeout",
      `The query ran longer than ${limits.time / SECOND} s`,
    );
    const patience = Math.min(limits.time + WATCHDOG_GRACE, TIMER_MAX);
    const watchdog = setTimeout(() => this.stop(timedOut), patience);
    this.ended = this.#end.promise.finally(() => {
      clearTimeout(watchdog);
      signal?.removeEventListener("abort", abort);
    });
    this.#answer = hooks.send(this.#breakOff.signal);
    this.#answer.catch(() => this.#finish());
    if (signal?.aborted === true) abort();
  }

  async next(): Promise<Buffer | undefined> {
    try {
      const chunk = await this.#next();
      if (this.#stopped !== undefined) throw this.#stopped;
      return chunk;
    } catch (error) {
      throw this.#stopped ?? error;
    }
  }

  leave(): void {
    this.stop(cancelled());
  }

  elapsed(): number {
    return this.#elapsed;
  }

  /** Ends it early: its consumer gets the error at once, the server is told until it obeys. */
  stop(error: HeadraceError): void {
    if (this.#over || this.#stopped !== undefined) return;
    this.#stopped = error;
    this.#breakOff.abort();
    void this.#kill();
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#over) return undefined;
    const answer = await this.#answer;
    this.#chunks ??= answer.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
    this.#watch ??= new ExceptionWatch(tagOf(answer));
    for (;;) {
      const { done, chunk } = await this.#read(this.#chunks);
      if (done) return this.#last(this.#watch);
      const rows = this.#watch.push(chunk);
      if (rows.length > 0) return rows;
    }
  }

  /** A connection that breaks is the end too when an error came before: the server breaks it off then. */
  async #read(chunks: AsyncIterator<Buffer>): Promise<{ done: boolean; chunk: Buffer }> {
    try {
      const { done, value } = await chunks.next();
      return { done: done === true, chunk: done === true ? Buffer.alloc(0) : value };
    } catch (error) {
      this.#finish();
      const said = this.#watch?.error();
      throw (
        said ??
        new HeadraceError("store_failed", `The answer broke off: ${messageOf(error)}`, { cause: error })
      );
    }
  }

  #last(watch: ExceptionWatch): Buffer | undefined {
    this.#elapsed = (performance.now() - this.#began) / SECOND;
    this.#finish();
    const error = watch.error();
    if (error !== undefined) throw error;
    const rest = watch.rest();
    return rest.length > 0 ? rest : undefined;
  }

  #finish(): void {
    // Who was stopped has ended when the server says so.
    if (this.#stopped !== undefined) return;
    this.#over = true;
    this.#end.resolve();
  }

  async #kill(): Promise<void> {
    const since = performance.now();
    try {
      void (await this.#answer.catch(() => undefined))?.destroy();
      while ((await this.#hooks.kill()) && performance.now() - since < KILL_PATIENCE)
        await sleep(KILL_INTERVAL);
    } catch {
      // The server can't be reached: its own time limit ends the query.
    }
    this.#over = true;
    this.#end.resolve();
  }
}

/** Without it rows and an error that comes after them can't be told apart. */
function tagOf({ headers }: IncomingMessage): string {
  const tag = headers["x-clickhouse-exception-tag"];
  if (typeof tag === "string" && /^\w+$/.test(tag)) return tag;
  throw new ClickHouseError(
    "The server doesn't mark errors amid answers: it isn't ClickHouse 25.11 or later",
    0,
  );
}
