import type { Metric, Registry } from "prom-client";

// Counters and histograms for prom-client's registry. Its own look at each label's name and value each time that something is
// counted, which takes more of a small request than reading it does.

interface TallyOptions<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
  readonly registers: readonly Registry[];
}

/** A line of a scrape, but for its name where that is the metric's own. */
interface Sample {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

type Labels<Label extends string> = Readonly<Record<Label, string | number>>;

/** Can't stand in a label's value that is worth anything, so that two lists of values never look the same. */
const SEPARATOR = "\u0000";

/** What is counted under each combination of labels. */
abstract class Tally<Label extends string, Series> {
  abstract readonly type: string;
  readonly name: string;
  readonly help: string;
  readonly aggregator = "sum";
  readonly #labelNames: readonly Label[];
  readonly #series = new Map<string, { readonly labels: Sample["labels"]; readonly series: Series }>();

  constructor({ name, help, labelNames = [], registers }: TallyOptions<Label>) {
    this.name = name;
    this.help = help;
    this.#labelNames = labelNames;
    // The registry asks a metric for its name and its values only.
    for (const registry of registers) registry.registerMetric(this as unknown as Metric);
  }

  /** What the registry asks for at a scrape. */
  get(): Promise<object> {
    const values = [...this.#series.values()].flatMap(({ labels, series }) => this.samplesOf(labels, series));
    const { name, help, type, aggregator } = this;
    return Promise.resolve({ name, help, type, aggregator, values });
  }

  protected abstract create(): Series;
  protected abstract samplesOf(labels: Sample["labels"], series: Series): Sample[];

  protected seriesOf(labels: Partial<Labels<Label>>): Series {
    let key = "";
    for (const name of this.#labelNames) key += `${labels[name]}${SEPARATOR}`;
    let found = this.#series.get(key);
    if (found === undefined) {
      found = { labels: { ...labels } as Sample["labels"], series: this.create() };
      this.#series.set(key, found);
    }
    return found.series;
  }
}

/** A number that only grows. Without labels it is there from the beginning. */
export class Counter<Label extends string = never> extends Tally<Label, { value: number }> {
  readonly type = "counter";

  constructor(options: TallyOptions<Label>) {
    super(options);
    if (options.labelNames === undefined) this.seriesOf({});
  }

  /** @param by From 0 on. Default 1. */
  inc(...args: [Label] extends [never] ? [by?: number] : [labels: Labels<Label>, by?: number]): void {
    const [labels, by = 1] = typeof args[0] === "object" ? (args as [Labels<Label>, number?]) : [{}, args[0]];
    this.seriesOf(labels).value += by;
  }

  protected create(): { value: number } {
    return { value: 0 };
  }

  protected samplesOf(labels: Sample["labels"], { value }: { value: number }): Sample[] {
    return [{ labels, value }];
  }
}

interface Buckets {
  /** How many values fell into each bucket, not added up; the last one has no upper bound. */
  readonly counts: number[];
  sum: number;
}

/** How many values fell into each of a list of buckets, and their sum. Without labels it is there from the beginning. */
export class Histogram<Label extends string> extends Tally<Label, Buckets> {
  readonly type = "histogram";
  readonly #bounds: readonly number[];

  /** @param options `buckets` are the upper bounds, rising. */
  constructor({ buckets, ...options }: TallyOptions<Label> & { readonly buckets: readonly number[] }) {
    super(options);
    this.#bounds = buckets;
    if (options.labelNames === undefined) this.seriesOf({});
  }

  observe(labels: Labels<Label>, value: number): void {
    const series = this.seriesOf(labels);
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
  }

  protected create(): Buckets {
    return { counts: Array.from({ length: this.#bounds.length + 1 }, () => 0), sum: 0 };
  }

  protected samplesOf(labels: Sample["labels"], { counts, sum }: Buckets): Sample[] {
    const { name } = this;
    let count = 0;
    const buckets = counts.map((value, index) => {
      count += value;
      const le = this.#bounds[index] ?? "+Inf";
      return { labels: { le, ...labels }, value: count, metricName: `${name}_bucket` };
    });
    return [
      ...buckets,
      { labels, value: sum, metricName: `${name}_sum` },
      { labels, value: count, metricName: `${name}_count` },
    ];
  }
}
