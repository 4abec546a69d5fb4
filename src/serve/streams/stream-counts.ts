import type { Loader } from "../../load/load.ts";
import { compileSql } from "../../project/compile-sql.ts";
import type { Stream } from "../../project/declarations.ts";
import { sql } from "../../project/sql.ts";
import type { Sql } from "../../project/sql.ts";
import { REJECTED_TABLE } from "../../rejected/rejected-table.ts";
import type { QueryLimits, Store } from "../../store/store.ts";
import { KIB, MIB, SECOND } from "../../units.ts";

/** Rejected events bring no version of their own, and TTL none at all: counts are taken again after this long. */
export const COUNT_AGE_MAX = SECOND;

const LIMITS: QueryLimits = { time: 10 * SECOND, memory: 256 * MIB, rows: 1, bytes: 4 * KIB };

interface Counts {
  /** Rows in the stream's table. */
  readonly events: number;
  /** Rejected events that are kept. */
  readonly rejected: number;
}

/** Counts of what is stored, taken at most once for each version of the stream and each second. */
export class StreamCounts {
  readonly #store: Store;
  readonly #loader: Pick<Loader, "version">;
  readonly #clock: () => number;
  readonly #kept = new Map<
    string,
    { readonly version: number; readonly at: number; counts: Promise<Counts> }
  >();

  constructor(store: Store, loader: Pick<Loader, "version">, clock: () => number) {
    this.#store = store;
    this.#loader = loader;
    this.#clock = clock;
  }

  of(stream: Stream): Promise<Counts> {
    const version = this.#loader.version(stream.name);
    const at = this.#clock();
    const kept = this.#kept.get(stream.name);
    if (kept?.version === version && Math.abs(at - kept.at) < COUNT_AGE_MAX) return kept.counts;
    const counts = this.#count(stream);
    this.#kept.set(stream.name, { version, at, counts });
    counts.catch(() => this.#kept.delete(stream.name));
    return counts;
  }

  async #count(stream: Stream): Promise<Counts> {
    const table = sql.identifier(REJECTED_TABLE);
    const [events, rejected] = await Promise.all([
      this.#ask(sql`SELECT count() AS n FROM ${stream}`),
      this.#ask(sql`SELECT count() AS n FROM ${table} WHERE stream = ${stream.name}`),
    ]);
    return { events, rejected };
  }

  async #ask(query: Sql): Promise<number> {
    const { chunks } = await this.#store.query({
      sql: compileSql(query, this.#store.capabilities.dialect),
      format: "ndjson",
      limits: LIMITS,
    });
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const row = JSON.parse(Buffer.concat(parts).toString("utf8")) as { readonly n: number | string };
    return Number(row.n);
  }
}
