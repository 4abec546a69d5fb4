import type { Lines } from "./load/job.ts";
import { figureOf } from "./measure/stats.ts";
import type { Plan } from "./plan.ts";
import type { Entry, Figures } from "./result.ts";
import type { Workshop } from "./workshop.ts";

/** What a row works with. */
export interface Bench {
  readonly workshop: Workshop;
  readonly plan: Plan;
  readonly signal: AbortSignal;
  /** Prepared flights, the first `count` of them in a file of their own. Default: all that the plan prepares. */
  flights(count?: number): Promise<Lines>;
  orders(): Promise<Lines>;
  /** The rate at which C's work goes, in events a second: as the row measured it, else measured now. */
  loadRate(): Promise<number>;
  /** A data folder of Headrace with so many flights, stopped. It is made when it is first asked for, and kept for the run. */
  filled(events: number): Promise<string>;
  /** A line for whoever watches. */
  say(this: void, line: string): void;
}

/** What one contender measured in one round. */
export interface Sample {
  readonly value: number;
  /** CPU seconds of the server's processes for a million events (requests, where a row says so). */
  readonly cpu?: number;
  /** Further figures under their column's title. */
  readonly extra?: Readonly<Record<string, number>>;
}

/** Who takes part in a row. */
export interface Entrant {
  readonly name: string;
  readonly durability: string;
  readonly missing?: string;
  run(round: number): Promise<Sample>;
}

/** Runs all in turn, round by round. One that fails is left out from then on, and says why. */
export async function alternate(
  { plan, signal, say }: Bench,
  entrants: readonly Entrant[],
  rounds = plan.rounds,
): Promise<Entry[]> {
  const samples = new Map(entrants.map((entrant) => [entrant, [] as Sample[]]));
  const failures = new Map<Entrant, string>();
  for (let round = 0; round < rounds; round++) {
    for (const entrant of entrants) {
      if (entrant.missing !== undefined || failures.has(entrant)) continue;
      signal.throwIfAborted();
      try {
        const sample = await entrant.run(round);
        samples.get(entrant)?.push(sample);
        say(`  ${round + 1}/${rounds}  ${entrant.name}: ${shown(sample)}`);
      } catch (error) {
        signal.throwIfAborted();
        failures.set(entrant, error instanceof Error ? error.message : String(error));
        say(`  ${round + 1}/${rounds}  ${entrant.name} failed: ${failures.get(entrant)}`);
      }
    }
  }
  return entrants.map((entrant) => entryOf(entrant, samples.get(entrant) ?? [], failures.get(entrant)));
}

function entryOf(entrant: Entrant, samples: readonly Sample[], failure: string | undefined): Entry {
  const { name, durability } = entrant;
  const absent = failure ?? entrant.missing;
  if (absent !== undefined) return { name, durability, absent };
  return { name, durability, figures: figuresOf(samples) };
}

function figuresOf(samples: readonly Sample[]): Figures {
  const titles = Object.keys(samples[0]?.extra ?? {});
  return {
    value: figureOf(samples.map(({ value }) => value)),
    ...(samples[0]?.cpu === undefined ? {} : { cpu: figureOf(samples.map(({ cpu }) => cpu ?? Number.NaN)) }),
    extra: Object.fromEntries(
      titles.map((title) => [title, figureOf(samples.map(({ extra }) => extra?.[title] ?? Number.NaN))]),
    ),
  };
}

function shown({ value, cpu, extra }: Sample): string {
  return [
    short(value),
    ...(cpu === undefined ? [] : [`CPU ${short(cpu)} s/M`]),
    ...Object.entries(extra ?? {}).map(([title, one]) => `${title} ${short(one)}`),
  ].join(", ");
}

function short(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}
