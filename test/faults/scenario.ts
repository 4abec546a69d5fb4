/**
 * A kind of fault, tried many times, and what it did to the events. `npm run faults` runs them all and writes
 * docs/FAULTS.md. Each runs in a process of its own (run-alone.ts), and whatever processes it left running are ended
 * after it; what it mounted, it unmounts itself.
 */
export interface Scenario {
  readonly group: FaultGroup;
  /** Short and unique, such as `kill -9 at random moments`. */
  readonly name: string;
  /** What is done to the server and what is checked afterwards, in a sentence or two: docs/FAULTS.md shows it. */
  readonly what: string;
  /** What this machine must have: programs, or the right to use them. The suite installs them or says how to. */
  readonly needs?: readonly ("strace" | "tmpfs" | "root" | "postgres" | "nats" | "networks")[];
  run(context: FaultContext): Promise<Figures>;
}

export type FaultGroup =
  | "kill"
  | "power loss"
  | "disk"
  | "corruption"
  | "store"
  | "clients"
  | "clock"
  | "stop and start"
  | "ids"
  | "log servers";

export interface FaultContext {
  /** Every random choice comes from it: the same seed replays the run. */
  readonly seed: number;
  /** `short` is the part of `npm test`: under 10 seconds a scenario. `full` is `npm run faults`. */
  readonly scale: "short" | "full";
  /** An empty folder of the scenario's own, removed afterwards unless it failed. */
  readonly folder: string;
  readonly progress: (done: number, total: number) => void;
  /** Aborted by Ctrl-C: end what was started and reject. */
  readonly signal: AbortSignal;
}

/** What came of it. The scenario holds when all of lost, doubled, changed and torn are 0 and there are no problems. */
export interface Figures {
  /** How often the fault was injected. */
  readonly runs: number;
  /** Events that were acknowledged and then looked for. */
  readonly events: number;
  /** Acknowledged events that are in no place where they belong. */
  readonly lost: number;
  /** Events that are there more often than once. */
  readonly doubled: number;
  /** Events of which a value isn't what was sent. */
  readonly changed: number;
  /** Batches without an answer that are there in part. */
  readonly torn: number;
  /** Whatever else wasn't as promised, a line each, such as a start that should have been refused. */
  readonly problems: readonly string[];
  /** A figure worth telling, such as `the longest recovery took 0.8 s`. */
  readonly note?: string;
}
