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
  /** Queries of one figure of the engine alone in E. */
  readonly queries: number;
  /** Seconds of one figure of D and G. */
  readonly pacedSeconds: number;
  /** Rows that the server is started again with in H. */
  readonly startRows: number;
  /** Rows after which memory is read in I, and how long the server rests before that, in seconds. */
  readonly memoryRows: number;
  readonly rest: number;
}

const DEFAULT: Plan = {
  mode: "default",
  rounds: 3,
  seconds: 2.5,
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
  startRows: 1_000_000,
  memoryRows: 3_000_000,
  rest: 3,
};

export const PLANS: Readonly<Record<Plan["mode"], Plan>> = {
  quick: {
    mode: "quick",
    rounds: 1,
    seconds: 1,
    warmup: 0.5,
    preparedFlights: 100_000,
    preparedOrders: 10_000,
    loadEvents: 100_000,
    peerEvents: 20_000,
    growth: [50_000, 100_000],
    variedEvents: 100_000,
    queriedRows: 50_000,
    queries: 50,
    pacedSeconds: 3,
    startRows: 50_000,
    memoryRows: 150_000,
    rest: 1,
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
    startRows: 100_000_000,
    memoryRows: 100_000_000,
  },
};
