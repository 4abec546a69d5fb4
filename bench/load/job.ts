/** What the load generator is told to do, and what it tells back: both go over the channel between the processes. */
export type Job = PostJob | GetJob | NatsJob;

/** Prepared lines of one stream, and where in each its id has five digits that say how often the file was gone through. */
export interface Lines {
  readonly file: string;
  readonly count: number;
  readonly passAt: number;
}

interface Events {
  readonly lines: Lines;
  readonly eventsPerRequest: number;
  /** The first pass: jobs on the same server need different ones, or their events are duplicates. */
  readonly pass: number;
  readonly until: { readonly seconds: number; readonly warmup: number } | { readonly events: number };
}

export interface PostJob extends Events {
  readonly kind: "post";
  readonly port: number;
  /** Requests go to them in turn. */
  readonly paths: readonly string[];
  readonly contentType: string;
  readonly connections: number;
  /** Whether each request has an Idempotency-Key of its own. Default: it has. */
  readonly keys?: boolean;
  /** Events a second; requests that are late count from when they were due. Default: as fast as answers come. */
  readonly rate?: number;
  /** Every so many events one is made one that the schema doesn't allow. */
  readonly spoilEvery?: number;
}

export interface GetJob {
  readonly kind: "get";
  readonly port: number;
  readonly paths: readonly string[];
  readonly connections: number;
  readonly until: { readonly seconds: number; readonly warmup: number };
  /** Milliseconds between an answer and the next request on its connection. Default 0. */
  readonly pause?: number;
}

export interface NatsJob extends Events {
  readonly kind: "nats";
  readonly port: number;
  /** Messages that wait for their acknowledgement at once. */
  readonly connections: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly events: number;
  /** Of the measured time. */
  readonly seconds: number;
  /** Milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  /** How many answers had each status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** The first answer that was not a 2xx or a 429. */
  readonly failure?: string;
  /** CPU seconds of the generator itself in the measured time. */
  readonly cpu: number;
}

/** The generator's messages: when its warm-up is over, when it has stopped, and the result. */
export type Message =
  | { readonly type: "began" }
  | { readonly type: "ended"; readonly result: LoadResult }
  | { readonly type: "failed"; readonly message: string };
