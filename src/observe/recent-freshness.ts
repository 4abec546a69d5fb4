/** Batches whose freshness is remembered for each stream. */
const WINDOW = 1_024;

export interface FreshnessSummary {
  /** Milliseconds. */
  readonly p50: number;
  /** Milliseconds. */
  readonly p99: number;
  readonly batches: number;
}

/** The freshness of each stream's latest batches: exact quantiles for `GET /v1/streams`, beside the histogram in the metrics. */
export class RecentFreshness {
  readonly #streams = new Map<string, { readonly values: Float64Array; count: number }>();

  /** @param freshness Milliseconds from accept to queryable. */
  add(stream: string, freshness: number): void {
    let recent = this.#streams.get(stream);
    if (recent === undefined)
      this.#streams.set(stream, (recent = { values: new Float64Array(WINDOW), count: 0 }));
    recent.values[recent.count % WINDOW] = freshness;
    recent.count += 1;
  }

  /** Undefined before the first batch. */
  of(stream: string): FreshnessSummary | undefined {
    const recent = this.#streams.get(stream);
    if (recent === undefined) return undefined;
    const batches = Math.min(recent.count, WINDOW);
    const sorted = recent.values.slice(0, batches).sort();
    const quantile = (q: number) => sorted[Math.min(batches - 1, Math.floor(q * batches))] ?? 0;
    return { p50: quantile(0.5), p99: quantile(0.99), batches };
  }
}
