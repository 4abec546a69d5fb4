import type { Loader } from "../../load/load.ts";
import { compileSql } from "../../project/compile-sql.ts";
import type { Stream } from "../../project/declarations.ts";
import { sql } from "../../project/sql.ts";
import type { Sql } from "../../project/sql.ts";
import { waitingOf } from "../../rejected/rejected-rows.ts";
import { REJECTED_TABLE } from "../../rejected/rejected-table.ts";
import { sqlWords } from "../../store/sql-words.ts";
import type { QueryLimits, Store } from "../../store/store.ts";
import { MIB, SECOND } from "../../units.ts";
import { readRows } from "../read-rows.ts";

/** Rejected events bring no version of their own, and TTL none at all: counts are taken again after this long. */
export const COUNT_AGE_MAX = SECOND;

const LIMITS: QueryLimits = { time: 10 * SECOND, memory: 256 * MIB, rows: 10_000, bytes: MIB };

export interface Counts {
  /** Rows in the stream's table. */
  readonly events: number;
  /** Rejected events that are kept. */
  readonly rejected: number;
}

const NO_COUNTS: Counts = { events: 0, rejected: 0 };

interface Kept {
  readonly version: number;
  readonly at: number;
  readonly counts: Promise<Counts>;
}

/** Counts of what is stored, taken at most once for each version of a stream and each second, and for all streams at once. */
export class StreamCounts {
  readonly #store: Store;
  readonly #loader: Pick<Loader, "version">;
  readonly #clock: () => number;
  readonly #kept = new Map<string, Kept>();

  constructor(store: Store, loader: Pick<Loader, "version">, clock: () => number) {
    this.#store = store;
    this.#loader = loader;
    this.#clock = clock;
  }

  /** The counts of each of the streams. */
  async of(streams: readonly Stream[]): Promise<(stream: Stream) => Counts> {
    const at = this.#clock();
    const versions = new Map(streams.map(({ name }) => [name, this.#loader.version(name)]));
    const isCurrent = ({ name }: Stream): boolean => {
      const kept = this.#kept.get(name);
      if (kept === undefined || kept.version !== versions.get(name)) return false;
      return Math.abs(at - kept.at) < COUNT_AGE_MAX;
    };
    const wanted = streams.filter((stream) => !isCurrent(stream));
    if (wanted.length > 0) {
      const counted = this.#count(wanted);
      for (const { name } of wanted) this.#keep(name, versions.get(name) ?? 0, at, counted);
    }
    const counts = new Map<string, Counts>();
    for (const { name } of streams) counts.set(name, (await this.#kept.get(name)?.counts) ?? NO_COUNTS);
    return ({ name }) => counts.get(name) ?? NO_COUNTS;
  }

  #keep(name: string, version: number, at: number, counted: Promise<ReadonlyMap<string, Counts>>): void {
    const counts = counted.then((all) => all.get(name) ?? NO_COUNTS);
    const kept: Kept = { version, at, counts };
    this.#kept.set(name, kept);
    counts.catch(() => {
      if (this.#kept.get(name) === kept) this.#kept.delete(name);
    });
  }

  async #count(streams: readonly Stream[]): Promise<ReadonlyMap<string, Counts>> {
    const words = sqlWords(this.#store.capabilities);
    const names = streams.map(({ name }) => name);
    const [events, rejected] = await Promise.all([
      this.#ask(
        streams
          .map((stream) => sql`SELECT ${stream.name} AS stream, count(*) AS n FROM ${stream}`)
          .reduce((all, one) => sql`${all} UNION ALL ${one}`),
      ),
      this.#ask(sql`
        SELECT stream, count(*) AS n FROM ${sql.identifier(REJECTED_TABLE)}
        WHERE ${waitingOf(words, names)} GROUP BY stream`),
    ]);
    return new Map(
      streams.map(({ name }) => [name, { events: events.get(name) ?? 0, rejected: rejected.get(name) ?? 0 }]),
    );
  }

  async #ask(query: Sql): Promise<ReadonlyMap<string, number>> {
    const bound = compileSql(query, this.#store.capabilities.dialect);
    const rows = await readRows(this.#store, bound, LIMITS);
    return new Map(rows.map(({ stream, n }) => [String(stream), Number(n)]));
  }
}
