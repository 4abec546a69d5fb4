/** A figure over the rounds of a run. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** In the order of the rounds; a round that failed is NaN. */
  readonly rounds: readonly number[];
}

/** NaN when there is no number among the values. */
export function figureOf(rounds: readonly number[]): Figure {
  const sorted = rounds.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return {
    median: median(sorted),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    rounds,
  };
}

/** The median of the ratios of each round: what two contenders had in common then cancels out. */
export function ratioOf(one: Figure, other: Figure): Figure {
  return figureOf(one.rounds.map((value, round) => value / (other.rounds[round] ?? Number.NaN)));
}

/** The value below which a share `q` of the sorted values lies. NaN when there are none. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] ?? Number.NaN;
  return ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
