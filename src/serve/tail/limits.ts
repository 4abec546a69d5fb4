import { KIB, MIB, SECOND } from "../../units.ts";

/** What tails may cost the server. Times in milliseconds, sizes in bytes. */
export interface TailLimits {
  /** Tails at once; one more is refused with `overloaded`. Default 1,000. */
  readonly clientsMax: number;
  /** A client that doesn't take what was sent for this long is dropped. Default 10 s. */
  readonly stalledMax: number;
  /** How long a client that was told that it is over has to take what waits for it. Default 5 s. */
  readonly goodbyeMax: number;
  /** How often a comment is sent when nothing else is. Default 15 s. */
  readonly heartbeat: number;
  /** New events are gathered for this long, so that a stream of small batches isn't as many writes to each client. Default 50 ms. */
  readonly gather: number;
  /** Read of the log at once, unless a single batch is larger. Default 256 KiB. */
  readonly pageBytes: number;
  /** What is sent before a client must have taken it. Default 64 KiB, unless a single event is larger. */
  readonly sliceBytes: number;
  /** Pages that all tails together hold; past it those that want another are dropped. Default 128 MiB. */
  readonly pagesBytesMax: number;
  /** Filters of one tail. Default 16. */
  readonly filtersMax: number;
}

export const TAIL_LIMITS: TailLimits = {
  clientsMax: 1_000,
  stalledMax: 10 * SECOND,
  goodbyeMax: 5 * SECOND,
  heartbeat: 15 * SECOND,
  gather: 50,
  pageBytes: 256 * KIB,
  sliceBytes: 64 * KIB,
  pagesBytesMax: 128 * MIB,
  filtersMax: 16,
};
