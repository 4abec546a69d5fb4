import type { Store } from "../../store/store.ts";
import { KIB } from "../../units.ts";
import { NO_PURE_FUNCTIONS, pureFunctions } from "./pure-functions.ts";
import type { PureFunctions } from "./pure-functions.ts";
import { RecentMap } from "./recent-map.ts";
import { sqlTraits } from "./sql-traits.ts";
import type { SqlTraits } from "./sql-traits.ts";

/** SQL texts that are remembered. An endpoint has one for each mix of optional parameters. */
const REMEMBERED_MAX = 1000;
/** Longer ones aren't remembered, so that a thousand of them stay small. Characters. */
const REMEMBERED_LENGTH_MAX = 8 * KIB;

/** The traits of SQL texts, found out once for each. */
export class SqlKnowledge {
  readonly #store: Store;
  readonly #streams: readonly string[];
  readonly #traits = new RecentMap<SqlTraits>(REMEMBERED_MAX);
  #pure: Promise<PureFunctions> | undefined;

  /** @param streams Names of all declared streams. */
  constructor(store: Store, streams: readonly string[]) {
    this.#store = store;
    this.#streams = streams;
  }

  /** What is known already, without asking anyone. */
  knownTraits(text: string): SqlTraits | undefined {
    return this.#traits.get(text);
  }

  async traits(text: string): Promise<SqlTraits> {
    const known = this.#traits.get(text);
    if (known !== undefined) return known;
    const pure = await this.#pureFunctions();
    const traits = sqlTraits(text, this.#streams, pure, this.#store.capabilities.dialect);
    // While the engine can't be asked, nothing is remembered.
    if (pure !== NO_PURE_FUNCTIONS && text.length <= REMEMBERED_LENGTH_MAX) this.#traits.set(text, traits);
    return traits;
  }

  #pureFunctions(): Promise<PureFunctions> {
    this.#pure ??= pureFunctions(this.#store).catch(() => {
      this.#pure = undefined;
      return NO_PURE_FUNCTIONS;
    });
    return this.#pure;
  }
}
