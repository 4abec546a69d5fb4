import type { Measured } from "./load/run-load.ts";

/** Something that takes events over HTTP and answers the endpoint: Headrace or a peer. */
export interface Contender {
  readonly name: string;
  /** What an answer means for what was sent. */
  readonly durability: string;
  /** Undefined when it can't be run here, with the reason in `missing`. */
  readonly missing?: string;
  start(options?: StartOptions): Promise<Running>;
}

export interface StartOptions {
  /** A folder with data from before. Default: an empty one, gone after the stop. */
  readonly data?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens, if it can be told. Default: where it likes. */
  readonly port?: number;
}

export interface Running extends AsyncDisposable {
  readonly port: number;
  /** Its processes. */
  readonly pids: readonly number[];
  /** Events of a stream that queries see. Undefined where nothing can be asked. */
  readonly stored?: (streams: readonly string[]) => Promise<number>;
  /** Holds what is stored against what was sent; throws when it isn't exactly once. */
  readonly verify?: (stream: string, events: number) => Promise<void>;
}

export const HEADRACE = "Headrace";

/** Events a second of the measured time. */
export const eventsPerSecond = ({ events, seconds }: Measured): number => events / seconds;

/** CPU seconds of the server for a million events. */
export const cpuPerMillion = ({ events, serverCpu }: Measured): number => (serverCpu / events) * 1e6;
