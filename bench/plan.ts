/** How long and how large a run is. */
export interface Plan {
  readonly mode: "quick" | "default" | "full";
  readonly rounds: number;
  /** Seconds of one figure of A, B and F, and before them the warm-up that doesn't count. */
  readonly seconds: number;
  readonly warmup: number;
  /** Flights that are prepared as NDJSON; a run that sends more goes through them again with other ids. */
  readonly preparedFlights: number;
  readonly preparedOrders: number;
  /** Events of C, of the peers that are far slower, and of J's growth. */
  readonly loadEvents: number;
  readonly peerEvents: number;
  readonly growth: readonly number[];
  /** Events of J's figures about streams and rejected events. */
  readonly variedEvents: number;
  /** Rows that queries run over. */
  readonly queriedRows: number;
  /** Queries of one figure of E; seconds of one figure of D and G. */
  readonly queries: number;
  readonly pacedSeconds: number;
  /** Rows after which memory is read, and the server is started again. */
  readonly manyRows: number;
}

const DEFAULT: Plan = {
  mode: "default",
  rounds: 3,
  seconds: 3,
  warmup: 1.5,
  preparedFlights: 3_000_000,
  preparedOrders: 50_000,
  loadEvents: 1_000_000,
  peerEvents: 200_000,
  growth: [300_000, 3_000_000],
  variedEvents: 500_000,
  queriedRows: 1_000_000,
  queries: 300,
  pacedSeconds: 6,
  manyRows: 3_000_000,
};

export const PLANS: Readonly<Record<Plan["mode"], Plan>> = {
  quick: {
    mode: "quick",
    rounds: 1,
    seconds: 1,
    warmup: 0.5,
    preparedFlights: 200_000,
    preparedOrders: 10_000,
    loadEvents: 200_000,
    peerEvents: 50_000,
    growth: [100_000, 300_000],
    variedEvents: 100_000,
    queriedRows: 200_000,
    queries: 100,
    pacedSeconds: 2,
    manyRows: 300_000,
  },
  default: DEFAULT,
  full: {
    ...DEFAULT,
    mode: "full",
    rounds: 5,
    seconds: 8,
    warmup: 3,
    loadEvents: 3_000_000,
    peerEvents: 1_000_000,
    growth: [300_000, 3_000_000, 100_000_000],
    queriedRows: 3_000_000,
    queries: 2_000,
    pacedSeconds: 20,
    manyRows: 100_000_000,
  },
};
