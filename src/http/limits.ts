import { KIB, MIB, SECOND } from "../units.ts";

/** What one client may cost the server before any route is asked. Times in milliseconds, sizes in bytes. */
export interface HttpLimits {
  /** From the start of a connection or request to the end of its headers. Default 15 s. Past it: 408. */
  readonly headersTimeout: number;
  /** From the start of a request to the end of its body. Default 60 s. Past it: 408. */
  readonly requestTimeout: number;
  /** How long an idle connection is kept; longer than the 60 s of the usual load balancers. Default 75 s. */
  readonly keepAliveTimeout: number;
  /** How often connections are held against these timeouts. Default 5 s. */
  readonly checkInterval: number;
  /** Connections at once; past it new ones are closed at once. Default 10,000. */
  readonly connectionsMax: number;
  /** Request line and headers. Default 16 KiB. Past it: 431. */
  readonly headerBytesMax: number;
  /** The body of a route that doesn't read its body itself. Default 1 MiB. Past it: 413. */
  readonly bodyBytesMax: number;
  /**
   * How long a stop waits for connections on which nothing is asked: a request may be on its way, and is answered then.
   * Default 1 s.
   */
  readonly idleGrace: number;
  /**
   * How long a stop waits for what is in flight. Default 6 s, which leaves the loader and the store theirs of the 10 s
   * that a stop may take. Past it connections are cut.
   */
  readonly drainTimeout: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersTimeout: 15 * SECOND,
  requestTimeout: 60 * SECOND,
  keepAliveTimeout: 75 * SECOND,
  checkInterval: 5 * SECOND,
  connectionsMax: 10_000,
  headerBytesMax: 16 * KIB,
  bodyBytesMax: MIB,
  idleGrace: SECOND,
  drainTimeout: 6 * SECOND,
};
