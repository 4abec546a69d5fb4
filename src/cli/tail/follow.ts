import { setTimeout as sleep } from "node:timers/promises";
import { ERRORS, HeadraceError, toHeadraceError } from "../../errors.ts";
import { DAY, SECOND } from "../../units.ts";
import type { Client } from "../client.ts";
import { readEvents, type ServerSentEvent } from "./read-events.ts";

/** Nothing came for this long, not even the server's comment of every 15 s: the connection is taken for dead. */
const SILENCE_MAX = 45 * SECOND;
/** A connection is made anew when it has lasted this long. */
const CONNECTION_MAX = DAY;
/** The wait before connecting again; it doubles with each failure. */
const BACKOFF_FIRST = 0.5 * SECOND;
const BACKOFF_MAX = 10 * SECOND;

export interface FollowOptions {
  /** Path and query of the tail. */
  readonly path: string;
  /** Aborting ends it without an error. */
  readonly signal: AbortSignal;
  /** Told before it connects again, and why. */
  readonly onReconnect: (why: string) => void;
}

/**
 * The events of a tail, over as many connections as it takes: each begins after the last event that came. Fails when the
 * first connection does, and with what trying again doesn't mend.
 */
export async function* follow(client: Client, options: FollowOptions): AsyncGenerator<ServerSentEvent> {
  const { signal } = options;
  let lastId = "";
  for (let failures = 0; !signal.aborted;) {
    let why = "the server ended it";
    try {
      for await (const event of connection(client, options, lastId)) {
        failures = 0;
        if (event.id !== "") lastId = event.id;
        if (event.data !== "") yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      const problem = toHeadraceError(error, "server_unreachable");
      if (lastId === "" || !ERRORS[problem.code].retryable) throw problem;
      why = problem.message;
    }
    options.onReconnect(why);
    const delay = Math.min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** failures++);
    await sleep(delay * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
  }
}

async function* connection(
  client: Client,
  { path, signal }: FollowOptions,
  lastId: string,
): AsyncGenerator<ServerSentEvent> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort(new HeadraceError("server_unreachable", `nothing came for ${SILENCE_MAX / SECOND} s`));
  }, SILENCE_MAX);
  try {
    const response = await client.request({
      path,
      headers: { accept: "text/event-stream", ...(lastId === "" ? {} : { "last-event-id": lastId }) },
      signal: AbortSignal.any([signal, silence.signal]),
      timeout: CONNECTION_MAX,
    });
    yield* readEvents(bodyOf(response), () => void timer.refresh());
  } finally {
    clearTimeout(timer);
  }
}

async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  yield* response.body ?? [];
}
