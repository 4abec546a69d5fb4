import type { Random } from "../support/random.ts";

/** One event as a writer sends it. `bad` ones don't fit the schema. */
export interface SentEvent {
  readonly n: number;
  readonly writer: string;
  readonly at: string;
  readonly big: string;
  readonly ratio?: number;
  readonly text: string;
  readonly tags: readonly string[];
}

export interface SentBatch {
  readonly stream: string;
  readonly key: string | undefined;
  readonly good: readonly SentEvent[];
  /** The texts of bad events, each unique. */
  readonly bad: readonly string[];
  readonly body: string;
  /** "unanswered" when the connection broke; the server's status otherwise. */
  outcome: "unanswered" | number;
  attempts: number;
}

const TEXTS = [
  "plain",
  'quote " and \\ backslash',
  "two\nlines",
  "tab\there",
  "ünïcödé ✈ 漢字 🛫",
  "",
  "\u0000nul",
];

export interface EventMakerOptions {
  readonly batchBytes?: number;
  readonly first?: number;
  /** Default true. */
  readonly nul?: boolean;
}

/** Makes events with numbers of their own, so that a lost, a doubled and a changed one can each be told. */
export class EventMaker {
  readonly #random: Random;
  readonly #batchBytes: number;
  readonly #texts: readonly string[];
  #next: number;

  /**
   * With `batchBytes` the texts are so long that a batch has about so many. `first` is the first event's number. Without
   * `nul` no text has U+0000, which some stores can't hold.
   */
  constructor(random: Random, options: EventMakerOptions = {}) {
    this.#random = random;
    this.#next = options.first ?? 1;
    this.#batchBytes = options.batchBytes ?? 0;
    this.#texts = options.nul === false ? TEXTS.filter((text) => !text.includes("\0")) : TEXTS;
  }

  batch(stream: string, writer: string, keyed: boolean): SentBatch {
    const count = 1 + this.#random.below(39);
    const padding = "x".repeat(this.#batchBytes / count);
    const good = Array.from({ length: count }, () => this.#event(writer, padding));
    const bad = Array.from({ length: this.#random.chance(1 / 8) ? 1 + this.#random.below(3) : 0 }, () =>
      JSON.stringify({ n: "not a number", writer, text: `bad ${this.#next++}` }),
    );
    const lines = [...good.map((event) => JSON.stringify(event)), ...bad];
    return {
      stream,
      key: keyed ? `${writer} ${this.#next}` : undefined,
      good,
      bad,
      body: `${lines.join("\n")}\n`,
      outcome: "unanswered",
      attempts: 0,
    };
  }

  #event(writer: string, padding: string): SentEvent {
    const n = this.#next++;
    const event = {
      n,
      writer,
      at: new Date(1_600_000_000_000 + n * 1234).toISOString(),
      big: String(9_007_199_254_740_993n + BigInt(n)),
      text: `${this.#texts[n % this.#texts.length]} ${n}${padding}`,
      tags: Array.from({ length: n % 3 }, (_, index) => `tag${index}`),
    };
    return n % 5 === 0 ? event : { ...event, ratio: n / 7 };
  }
}

/** The batch with its good events alone, as a stream takes it whose events may be sent again without a key. */
export function withoutBad(batch: SentBatch): SentBatch {
  return { ...batch, bad: [], body: batch.good.map((event) => `${JSON.stringify(event)}\n`).join("") };
}

/** Sends a batch once; whatever happens to the connection, it resolves. `query` is such as `?wait=stored`. */
export async function send(url: string, batch: SentBatch, query = ""): Promise<void> {
  batch.attempts += 1;
  try {
    const response = await fetch(`${url}/v1/streams/${batch.stream}/events${query}`, {
      method: "POST",
      headers: {
        "content-type": "application/x-ndjson",
        ...(batch.key === undefined ? {} : { "idempotency-key": batch.key }),
      },
      body: batch.body,
    });
    await response.text();
    batch.outcome = response.status;
  } catch {
    batch.outcome = "unanswered";
  }
}

/** The stored row of an event, as the endpoint gives it. */
export function rowOf(event: SentEvent): Record<string, unknown> {
  return {
    n: event.n,
    writer: event.writer,
    at: event.at,
    big: event.big,
    ratio: event.ratio ?? null,
    text: event.text,
    tags: event.tags,
  };
}

export interface Findings {
  lost: number;
  doubled: number;
  changed: number;
  torn: number;
  invented: number;
  rejectedLost: number;
  rejectedDoubled: number;
  /** Rows and rejected events that were looked at. */
  readonly rows: number;
  readonly rejected: number;
  readonly examples: string[];
}

/** What must be found. */
export const CLEAN = {
  lost: 0,
  doubled: 0,
  changed: 0,
  torn: 0,
  invented: 0,
  rejectedLost: 0,
  rejectedDoubled: 0,
  examples: [],
};

/**
 * Holds what is stored against what was sent: an acknowledged event exactly once and unchanged, an unanswered batch
 * whole or not at all, a rejected event of an acknowledged batch exactly once.
 */
export function compare(
  batches: readonly SentBatch[],
  rows: readonly Readonly<Record<string, unknown>>[],
  rejected: readonly string[],
): Findings {
  const found: Findings = {
    lost: 0,
    doubled: 0,
    changed: 0,
    torn: 0,
    invented: 0,
    rejectedLost: 0,
    rejectedDoubled: 0,
    rows: rows.length,
    rejected: rejected.length,
    examples: [],
  };
  const note = (kind: Exclude<keyof typeof CLEAN, "examples">, what: string) => {
    found[kind] += 1;
    if (found.examples.length < 20) found.examples.push(`${kind}: ${what}`);
  };
  const stored = countBy(rows, (row) => String(row["n"]));
  const byNumber = new Map(rows.map((row) => [row["n"], row]));
  const kept = countBy(rejected, (text) => text);
  const sent = new Set<number>();

  for (const batch of batches) {
    const counts = batch.good.map((event) => stored.get(String(event.n)) ?? 0);
    const badCounts = batch.bad.map((text) => kept.get(text) ?? 0);
    const there = [...counts, ...badCounts].filter((count) => count > 0).length;
    const acknowledged = typeof batch.outcome === "number" && batch.outcome < 300;
    const label = `${batch.stream} batch with outcome ${batch.outcome}`;
    if (!acknowledged && there !== 0 && there !== counts.length + badCounts.length) note("torn", label);
    for (const [index, event] of batch.good.entries()) {
      sent.add(event.n);
      const count = counts[index] ?? 0;
      if (acknowledged && count === 0) note("lost", `${label} n=${event.n}`);
      if (count > 1) note("doubled", `${label} n=${event.n} ${count} times`);
      const row = byNumber.get(event.n);
      if (row !== undefined && !sameJson(row, rowOf(event))) {
        note("changed", `${JSON.stringify(row)} for ${JSON.stringify(rowOf(event))}`);
      }
    }
    for (const count of badCounts) {
      if (acknowledged && count === 0) note("rejectedLost", label);
      if (count > 1) note("rejectedDoubled", label);
    }
  }
  for (const row of rows) if (!sent.has(Number(row["n"]))) note("invented", JSON.stringify(row));
  return found;
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

function sameJson(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
