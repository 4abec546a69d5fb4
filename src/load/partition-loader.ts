import { toHeadraceError, type ErrorCode, type HeadraceError } from "../errors.ts";
import type { Position } from "../log/log.ts";
import { backoffDelay, pause } from "./backoff.ts";
import { EraseRequests } from "./erase-requests.ts";
import { SETTLED_INTERVAL } from "./limits.ts";
import type { LoadStatus } from "./load.ts";
import type { ActiveState, LoadState, RetryingState } from "./load-state.ts";
import { LoadSteps, type LoadStepsOptions } from "./load-steps.ts";
import { Outcomes } from "./outcomes.ts";
import { Turns } from "./turns.ts";
import { unreachable } from "./unreachable.ts";

export type PartitionLoaderOptions = Omit<LoadStepsOptions, "outcomes" | "erasures" | "turns" | "signal">;

/** No retry helps against these: somebody has to do something. */
const HALTING: ReadonlySet<ErrorCode> = new Set([
  "store_mismatch",
  "ledger_corrupt",
  "log_corrupt",
  "offset_gone",
]);

/** Loads one partition of one stream, as a state machine whose trouble is its own. */
export class PartitionLoader {
  readonly outcomes = new Outcomes();
  readonly erasures = new EraseRequests();
  readonly turns = new Turns();
  readonly #options: PartitionLoaderOptions;
  readonly #steps: LoadSteps;
  readonly #stopping = new AbortController();
  readonly #reconciled = Promise.withResolvers<void>();
  #state: LoadState = { kind: "reconciling" };
  #running: Promise<void> | undefined;
  /** Failures in a row, and the last of them. */
  #failures = 0;
  #failure: HeadraceError | undefined;

  constructor(options: PartitionLoaderOptions) {
    this.#options = options;
    const { signal } = this.#stopping;
    const { outcomes, erasures, turns } = this;
    this.#steps = new LoadSteps({ ...options, outcomes, erasures, turns, signal });
  }

  /** Everything before it is in the store. */
  get loaded(): Position {
    return this.#steps.loaded;
  }

  /** Keeps the log from dropping anything that it holds, until `unpin`; only in a turn. Gives its first position. */
  async pin(): Promise<Position> {
    return this.#steps.pin();
  }

  async unpin(): Promise<void> {
    await this.#steps.unpin();
  }

  /** Resolves when what an earlier run left open is reconciled, or when there is trouble with it. */
  async start(): Promise<void> {
    this.#running ??= this.#run();
    await this.#reconciled.promise;
  }

  /** Finds out whether the log may be appended to, which `status` then tells. What can't be read now, `start` tells of. */
  async examine(): Promise<void> {
    await this.#steps.examine().catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.outcomes.end();
    this.erasures.end();
    this.turns.end();
    await this.#steps.close();
  }

  /** Whether everything that the log holds now is queryable before the time (milliseconds) is over. */
  async settled(timeout: number): Promise<boolean> {
    const { log, stream, partition } = this.#options;
    const { end } = log.status(stream.name, partition);
    if (this.#steps.olderLog(end) !== undefined) return false;
    const deadline = performance.now() + timeout;
    const { signal } = this.#stopping;
    while (this.#steps.loaded.offset < end.offset || this.#state.kind === "reconciling") {
      if (signal.aborted || performance.now() >= deadline) return false;
      await pause(SETTLED_INTERVAL, signal);
    }
    return true;
  }

  status(): LoadStatus {
    const { log, stream, partition } = this.#options;
    const { loaded } = this.#steps;
    const { end } = log.status(stream.name, partition);
    const lagEvents = Math.max(0, end.offset - loaded.offset);
    const lagAge = lagEvents === 0 ? 0 : this.#steps.lagAge;
    const closed = this.#steps.olderLog(end);
    return {
      ...describe(this.#state, this.#failure),
      lagEvents,
      lagAge,
      loaded,
      ...(closed === undefined ? {} : { closed }),
    };
  }

  async #run(): Promise<void> {
    let reconciling = true;
    while (this.#state.kind !== "stopped") {
      this.#state = await this.#next(this.#state);
      // What an earlier run left open may have led from reconciling to inserting.
      reconciling &&= this.#state.kind === "reconciling" || this.#state.kind === "inserting";
      if (!reconciling) this.#reconciled.resolve();
    }
  }

  async #next(state: LoadState): Promise<LoadState> {
    switch (state.kind) {
      case "retrying":
        return this.#retry(state);
      case "halted":
        return this.#mend(state.error);
      case "stopped":
        return state;
      case "reconciling":
      case "gathering":
      case "erasing":
      case "yielding":
      case "planning":
      case "inserting":
      case "committing":
        return this.#try(state);
      default:
        return unreachable(state);
    }
  }

  async #try(state: ActiveState): Promise<LoadState> {
    try {
      const next = await this.#advance(state);
      this.#failures = 0;
      this.#failure = undefined;
      return next ?? { kind: "stopped" };
    } catch (thrown) {
      const error = toHeadraceError(thrown);
      if (this.#stopping.signal.aborted) return { kind: "stopped" };
      this.#failure = undefined;
      if (HALTING.has(error.code)) return { kind: "halted", error };
      this.#failures += 1;
      this.#failure = error;
      const failed = state.kind === "inserting" ? { ...state, askFirst: true } : state;
      return { kind: "retrying", failed, error, attempt: this.#failures };
    }
  }

  /** The next state; undefined when the loader is to stop. */
  async #advance(state: ActiveState): Promise<ActiveState | undefined> {
    switch (state.kind) {
      case "reconciling":
        return this.#steps.reconcile();
      case "gathering":
        return this.#steps.gather();
      case "erasing":
        return this.#steps.erase();
      case "yielding":
        return this.#steps.yield();
      case "planning":
        return this.#steps.plan(state);
      case "inserting":
        return this.#steps.insert(state);
      case "committing":
        return this.#steps.commit(state.batches);
      default:
        return unreachable(state);
    }
  }

  async #retry({ failed, error, attempt }: RetryingState): Promise<LoadState> {
    const { observer, stream, limits } = this.#options;
    const { signal } = this.#stopping;
    observer.retrying?.(stream.name, `${error.code}: ${error.message}`, attempt);
    await pause(backoffDelay(attempt, { first: limits.retryFirst, max: limits.retryMax }), signal);
    return signal.aborted ? { kind: "stopped" } : failed;
  }

  /** Waits until somebody asks for what helps, and does it. */
  async #mend(error: HeadraceError): Promise<LoadState> {
    const signal = AbortSignal.any([this.#stopping.signal, this.erasures.asked, this.turns.asked]);
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    if (this.#stopping.signal.aborted) return { kind: "stopped" };
    try {
      const mended = error.code === "store_mismatch" ? await this.#steps.mend(error) : undefined;
      if (mended !== undefined) return mended;
    } catch (failure) {
      this.#refuseAll(toHeadraceError(failure));
    }
    this.#refuseAll(error);
    return { kind: "halted", error };
  }

  #refuseAll(error: HeadraceError): void {
    this.erasures.refuse(() => true, error);
    this.turns.refuse(error);
  }
}

/** While what has failed is tried again, it goes on to say so: until it has succeeded nobody knows. */
function describe(
  state: LoadState,
  failure: HeadraceError | undefined,
): Pick<LoadStatus, "state" | "reason"> {
  switch (state.kind) {
    case "gathering":
    case "yielding":
      // Which may wait for hours.
      return { state: "running" };
    case "reconciling":
    case "erasing":
    case "planning":
    case "inserting":
    case "committing":
      if (failure !== undefined) return { state: "retrying", reason: reasonOf(failure) };
      return { state: state.kind === "reconciling" ? "reconciling" : "running" };
    case "retrying":
      return { state: "retrying", reason: reasonOf(state.error) };
    case "halted":
      return { state: "stopped", reason: reasonOf(state.error) };
    case "stopped":
      return { state: "stopped" };
    default:
      return unreachable(state);
  }
}

function reasonOf({ code, message }: HeadraceError): string {
  return `${code}: ${message}`;
}
