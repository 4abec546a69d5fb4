import { HeadraceError } from "../../errors.ts";

interface Run<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** Runs that are in flight, by key: callers with the same key share one. */
export class SharedRuns<T> {
  readonly #runs = new Map<string, Run<T>>();

  /**
   * Joins the run with this key, or starts it. A caller whose signal aborts leaves with `query_cancelled`; the run
   * itself is aborted when the last one has left.
   */
  async join(
    key: string,
    signal: AbortSignal,
    start: (signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly result: T; readonly joined: boolean }> {
    if (signal.aborted) throw clientGone();
    const existing = this.#runs.get(key);
    const run = existing ?? this.#start(key, start);
    run.waiting++;
    const left = Promise.withResolvers<never>();
    const leave = () => {
      run.waiting--;
      if (run.waiting === 0) {
        // At once, so that nobody joins a run that is being stopped.
        this.#remove(key, run);
        run.controller.abort(clientGone());
      }
      left.reject(clientGone());
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      return { result: await Promise.race([run.result, left.promise]), joined: existing !== undefined };
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #start(key: string, start: (signal: AbortSignal) => Promise<T>): Run<T> {
    const controller = new AbortController();
    const run: Run<T> = { result: start(controller.signal), controller, waiting: 0 };
    this.#runs.set(key, run);
    const remove = () => this.#remove(key, run);
    run.result.then(remove, remove);
    return run;
  }

  #remove(key: string, run: Run<T>): void {
    if (this.#runs.get(key) === run) this.#runs.delete(key);
  }
}

function clientGone(): HeadraceError {
  return new HeadraceError("query_cancelled", "The client went away before the answer was there");
}
