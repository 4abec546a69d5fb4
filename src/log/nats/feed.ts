import { AckPolicy, DeliverPolicy, type ConsumerConfig } from "@nats-io/jetstream";
import { createInbox, nanos, nuid, type Msg } from "@nats-io/transport-node";
import type { Nats } from "../../nats/open-nats.ts";
import { MIB } from "../../units.ts";
import { PULL_HEARTBEAT, READER_IDLE } from "./limits.ts";

/** A message as a consumer delivers it. */
export interface FedMessage {
  readonly sequence: number;
  readonly subject: string;
  readonly headers: Msg["headers"];
  readonly data: Buffer;
}

export interface FeedOptions {
  readonly nats: Nats;
  /** The JetStream stream. */
  readonly stream: string;
  readonly subject: string;
  /** The sequence number to begin with. */
  readonly from: number;
  readonly headersOnly: boolean;
}

export interface Pull {
  readonly messages: number;
  readonly bytes: number;
  /** How long to wait for messages, in milliseconds; 0 takes what is there. */
  readonly wait: number;
}

/**
 * The messages of a subject in the order of their sequence numbers, none left out and none twice. It is an ephemeral
 * pull consumer of one server; one that doesn't answer, forgets us or leaves out a message is given up for another that begins where it stopped.
 */
export class Feed {
  readonly #options: FeedOptions;
  #next: number;
  #consumer: { readonly name: string; delivered: number } | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#next = options.from;
  }

  /** The first sequence number that hasn't come yet. */
  get next(): number {
    return this.#next;
  }

  /**
   * Asks for messages and calls `take` for each as it comes. Resolves with how many came. Rejects when the server doesn't
   * answer: then what came counts, and the next call goes on behind it.
   */
  async pull(
    { messages, bytes, wait }: Pull,
    take: (message: FedMessage) => void,
    signal?: AbortSignal,
  ): Promise<number> {
    const { nats, stream } = this.#options;
    const consumer = (this.#consumer ??= await this.#create());
    const inbox = createInbox();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    let count = 0;
    const subscription = nats.connection.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null && error !== undefined) return reject(error);
        timer.refresh();
        const status = message.headers?.code ?? 0;
        if (status === 100) return;
        if (status > 0)
          return isOver(message)
            ? resolve(count)
            : reject(new Error(`the server says ${status} ${message.headers?.description ?? ""}`));
        const fed = this.#fed(consumer, message);
        if (fed === undefined) return reject(new Error("the server left out a message"));
        count += 1;
        take(fed);
        if (count >= messages) resolve(count);
      },
    });
    const timer = setTimeout(
      () => reject(new Error("the server gives no sign of life")),
      PULL_HEARTBEAT * 2.5,
    );
    const onAbort = (): void => resolve(count);
    signal?.addEventListener("abort", onAbort);
    const how =
      wait === 0 ? { no_wait: true } : { expires: nanos(wait), idle_heartbeat: nanos(PULL_HEARTBEAT) };
    nats.connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer.name}`,
      JSON.stringify({ batch: messages, max_bytes: Math.max(bytes, maxBytesMin(nats)), ...how }),
      { reply: inbox },
    );
    try {
      return await promise;
    } catch (error) {
      this.#giveUp();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      subscription.unsubscribe();
      // What an ended request may still deliver would be missing from the next.
      if (signal?.aborted === true) this.#giveUp();
    }
  }

  close(): void {
    this.#giveUp();
  }

  async #create(): Promise<{ name: string; delivered: number }> {
    const { nats, stream, subject, headersOnly } = this.#options;
    const name = `headrace_${nuid.next()}`;
    const config: Partial<ConsumerConfig> = {
      name,
      filter_subject: subject,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, this.#next),
      ack_policy: AckPolicy.None,
      inactive_threshold: nanos(READER_IDLE),
      mem_storage: true,
      num_replicas: 1,
      ...(headersOnly ? { headers_only: true } : {}),
    };
    await nats.manager.consumers.add(stream, config);
    return { name, delivered: 0 };
  }

  /** Undefined when the message isn't the one after the last. */
  #fed(consumer: { delivered: number }, message: Msg): FedMessage | undefined {
    const place = placeOf(message.reply ?? "");
    if (place === undefined || place.delivered !== consumer.delivered + 1) return undefined;
    consumer.delivered = place.delivered;
    this.#next = place.sequence + 1;
    const { buffer, byteOffset, length } = message.data;
    return {
      sequence: place.sequence,
      subject: message.subject,
      headers: message.headers,
      data: Buffer.from(buffer, byteOffset, length),
    };
  }

  #giveUp(): void {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    if (consumer === undefined) return;
    const { nats, stream } = this.#options;
    if (nats.connected()) {
      // The server forgets it anyway, a while later.
      nats.connection.publish(`$JS.API.CONSUMER.DELETE.${stream}.${consumer.name}`);
    }
  }
}

/** A message that is larger than what was asked for would never come. */
const maxBytesMin = (nats: Nats): number => (nats.connection.info?.max_payload ?? MIB) + MIB;

/** Whether a status tells the end of a request rather than trouble: no messages, time over, or the bytes are used up. */
function isOver({ headers }: Msg): boolean {
  const { code = 0, description = "" } = headers ?? {};
  return (
    code === 404 ||
    (code === 408 && !/bad request/i.test(description)) ||
    (code === 409 && /maxbytes|max bytes|batch completed/i.test(description))
  );
}

/**
 * Reads where a message stands off its reply subject: `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<delivered>.<time>.<pending>`,
 * or with domain and account before the stream (and more behind) in later servers.
 */
function placeOf(reply: string): { sequence: number; delivered: number } | undefined {
  const words = reply.split(".");
  const at = words.length >= 11 ? 7 : 5;
  const [sequence, delivered] = [Number(words[at]), Number(words[at + 1])];
  if (words[1] !== "ACK" || !(sequence > 0) || !(delivered > 0)) return undefined;
  return { sequence, delivered };
}
