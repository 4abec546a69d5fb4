/** What the test server is started with, as its argument. */
export interface ServerArguments {
  readonly folder: string;
  /** 0: one that the system chooses. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** Files. */
  readonly tls?: { readonly key: string; readonly certificate: string };
}

/** What is done to the next requests that it is for. */
export interface Fault {
  readonly kind:
    | "drop before" // breaks the connection off, and nothing is run
    | "drop after" // runs it, and breaks the connection off instead of answering
    | "late" // breaks the connection off, and runs it a while later unless it is killed
    | "slow" // runs it a while later unless it is killed, whether somebody still waits for it or not
    | "busy" // answers 503 as a proxy does, and nothing is run
    | "garbage" // runs it, and answers with something that isn't ClickHouse's
    | "silent" // neither runs it nor answers
    | "cut"; // breaks the connection off amid the answer
  readonly on: "insert" | "query";
  readonly times: number;
  /** Milliseconds, for what is late or slow. */
  readonly delay?: number;
}

export type ToServer = Fault | { readonly kind: "count" };

export type FromServer =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "faulted"; readonly count: number };
