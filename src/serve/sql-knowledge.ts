import type { BoundSql } from "../project/sql.ts";
import type { ResultColumn, Store } from "../store/store.ts";
import { KIB } from "../units.ts";
import { NO_PURE_FUNCTIONS, pureFunctions } from "./cache/pure-functions.ts";
import type { PureFunctions } from "./cache/pure-functions.ts";
import { RecentMap } from "./cache/recent-map.ts";
import { sqlTraits } from "./cache/sql-traits.ts";
import type { SqlTraits } from "./cache/sql-traits.ts";

/** SQL texts and result columns that are remembered. An endpoint has one text for each mix of optional parameters. */
const REMEMBERED_MAX = 1000;
/** Longer texts and values aren't remembered, so that a thousand of them stay small. Characters. */
const REMEMBERED_LENGTH_MAX = 8 * KIB;

/** What is known about the SQL of endpoints, found out once for each text. */
export class SqlKnowledge {
  readonly #store: Store;
  readonly #streams: readonly string[];
  readonly #traits = new RecentMap<SqlTraits>(REMEMBERED_MAX);
  readonly #columns = new RecentMap<Promise<readonly ResultColumn[]>>(REMEMBERED_MAX);
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
    const traits = sqlTraits(text, this.#streams, pure);
    // While the engine can't be asked, nothing is remembered.
    if (pure !== NO_PURE_FUNCTIONS && text.length <= REMEMBERED_LENGTH_MAX) this.#traits.set(text, traits);
    return traits;
  }

  /** The result's columns. Remembered by the text and those values that may decide a type. */
  columns(sql: BoundSql, traits: SqlTraits): Promise<readonly ResultColumn[]> {
    const values = traits.typing.map((name) => sql.params[name]?.value);
    const key = JSON.stringify([sql.text, values]);
    const known = this.#columns.get(key);
    if (known !== undefined) return known;
    const columns = this.#store.describe(sql);
    if (key.length > REMEMBERED_LENGTH_MAX) return columns;
    this.#columns.set(key, columns);
    // A failure isn't remembered: it may be the store's and pass.
    columns.catch(() => this.#columns.delete(key));
    return columns;
  }

  #pureFunctions(): Promise<PureFunctions> {
    this.#pure ??= pureFunctions(this.#store).catch(() => {
      this.#pure = undefined;
      return NO_PURE_FUNCTIONS;
    });
    return this.#pure;
  }
}
