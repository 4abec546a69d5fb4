import { CODES, refusal } from "./exceptions.ts";

/** The queries that run, so that whoever began one can end it. */
export class RunningQueries {
  readonly #running = new Map<string, AbortController>();

  /**
   * Notes a query; gives what takes it off again.
   * @throws HeadraceError when the caller has a query of that id already.
   */
  add(caller: string, queryId: string, stop: AbortController): () => void {
    const key = keyOf(caller, queryId);
    if (this.#running.has(key)) {
      throw refusal(CODES.queryIdInUse, `Query with id = ${queryId} is already running`);
    }
    this.#running.set(key, stop);
    return () => this.#running.delete(key);
  }

  /** Ends a query of the same caller; false when there is none. */
  kill(caller: string, queryId: string): boolean {
    const running = this.#running.get(keyOf(caller, queryId));
    running?.abort();
    return running !== undefined;
  }
}

/** Names of callers hold no colon. */
function keyOf(caller: string, queryId: string): string {
  return `${caller}:${queryId}`;
}
