import { DeliverPolicy, type ConsumerMessages, type JsMsg, type StreamInfo } from "@nats-io/jetstream";
import type { Nats } from "../../nats/open-nats.ts";
import { SECOND } from "../../units.ts";
import { pause } from "../backoff.ts";

/** How long one request for messages stands, and how often the server says meanwhile that it is there. Milliseconds. */
const PULL = { expires: 3 * SECOND, idle_heartbeat: SECOND };
/** How often it is looked whether following still brings all that there is, in milliseconds. */
const CHECK_INTERVAL = 2 * SECOND;
/** Before following is tried again, in milliseconds. */
const RETRY_PAUSE = 250;

export interface Following {
  readonly stream: string;
  /** A subject of the stream for marks of our own: whoever has read a mark has read all that came before. */
  readonly mark: string;
  /** Of these subjects only the latest message each, to begin with. Default: all messages. */
  readonly latestOf?: string;
  message(message: JsMsg): void;
  /** The stream was made anew: what was told of it doesn't hold any more. */
  anew(): void;
}

export interface Followed {
  /** Resolves when all that the stream held has been told. */
  readonly current: Promise<void>;
  close(): Promise<void>;
}

/** Tells every message of a JetStream stream in its order, whatever happens to connections and servers meanwhile. */
export function followStream(nats: Nats, following: Following): Followed {
  const closing = new AbortController();
  const current = Promise.withResolvers<void>();
  let messages: ConsumerMessages | undefined;
  let next = 0;
  let created: string | undefined;
  /** What was awaited when it was last looked, and was there already. */
  let behindAt: number | undefined;

  async function follow(): Promise<void> {
    const info = await nats.manager.streams.info(following.stream);
    if (created !== undefined && isAnother(info)) {
      next = 0;
      following.anew();
    }
    created = info.created;
    // How many messages a consumer has before it isn't exact in all servers, when some are replaced meanwhile.
    const { seq: mark } = await nats.jetstream.publish(following.mark);
    const consumer = await nats.jetstream.consumers.get(following.stream, from());
    messages = await consumer.consume(PULL);
    if (closing.signal.aborted) return;
    const checking = setInterval(() => void check().catch(() => {}), CHECK_INTERVAL);
    try {
      for await (const message of messages) {
        next = message.seq + 1;
        if (message.subject !== following.mark) following.message(message);
        if (message.seq >= mark) current.resolve();
        // Its own; if that fails, it stays as a message of no bytes.
        if (message.seq === mark) void remove(mark).catch(() => {});
      }
    } finally {
      clearInterval(checking);
    }
  }

  async function remove(sequence: number): Promise<void> {
    await nats.manager.streams.deleteMessage(following.stream, sequence, false);
  }

  /** A consumer that a server has forgotten, or that waits in a stream that was made anew, brings nothing any more. */
  async function check(): Promise<void> {
    const info = await nats.manager.streams.info(following.stream);
    const isBehind = info.state.last_seq >= next;
    const isStuck = isBehind && behindAt === next;
    behindAt = isBehind ? next : undefined;
    if (isStuck || isAnother(info)) await messages?.close();
  }

  function isAnother(info: StreamInfo): boolean {
    return created !== info.created || info.state.last_seq < next - 1;
  }

  function from() {
    if (next > 0) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: next };
    const { latestOf } = following;
    if (latestOf === undefined) return { deliver_policy: DeliverPolicy.All };
    return { deliver_policy: DeliverPolicy.LastPerSubject, filter_subjects: latestOf };
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      // The connection, a leader, the stream itself: it comes back, or somebody makes it.
      await follow().catch(() => {});
      await messages?.close().catch(() => {});
      await pause(RETRY_PAUSE, closing.signal);
    }
  }

  const ended = run();
  return {
    current: current.promise,
    async close() {
      closing.abort();
      await messages?.close().catch(() => {});
      await ended;
    },
  };
}
