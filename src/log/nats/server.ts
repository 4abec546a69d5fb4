import { setTimeout as sleep } from "node:timers/promises";
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
  type StreamInfo,
} from "@nats-io/jetstream";
import { nanos, nuid } from "@nats-io/transport-node";
import { HeadraceError, messageOf } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import { READ_PATIENCE, READ_PAUSE, READER_IDLE, UNREACHABLE_RETRY_AFTER_SECONDS } from "./limits.ts";

/** The server's codes: a stream of the name is there with another configuration. */
const STREAM_NAME_IN_USE = 10058;

/** Calls to JetStream about one stream. Each is tried again while the servers don't answer: `log_unreachable` when that goes on. */
export class StreamServer {
  readonly nats: Nats;
  readonly stream: string;

  #over = false;

  constructor(nats: Nats, stream: string) {
    this.nats = nats;
    this.stream = stream;
  }

  /** From now on nothing is tried again. */
  giveUp(): void {
    this.#over = true;
  }

  /** Makes the stream unless it is there; raises its replicas when there are fewer than configured. */
  async ensure(subjects: readonly string[], lastOnly: boolean): Promise<StreamInfo> {
    const { manager, options } = this.nats;
    const found = await this.find();
    if (found === undefined) {
      return this.#patiently(async () => {
        try {
          return await manager.streams.add({
            name: this.stream,
            subjects: [...subjects],
            retention: RetentionPolicy.Limits,
            storage: StorageType.File,
            discard: DiscardPolicy.New,
            num_replicas: options.replicas,
            allow_direct: false,
            ...(lastOnly ? { max_msgs_per_subject: 1, discard: DiscardPolicy.Old } : {}),
          });
        } catch (error) {
          // Another process was quicker.
          if (codeOf(error) === STREAM_NAME_IN_USE) return manager.streams.info(this.stream);
          throw error;
        }
      });
    }
    if (found.config.num_replicas >= options.replicas) return found;
    return this.#patiently(() => manager.streams.update(this.stream, { num_replicas: options.replicas }));
  }

  /** Undefined when there is no such stream. */
  async find(): Promise<StreamInfo | undefined> {
    return this.#patiently(async () => {
      try {
        return await this.nats.manager.streams.info(this.stream);
      } catch (error) {
        if (codeOf(error) === JetStreamApiCodes.StreamNotFound) return undefined;
        throw error;
      }
    });
  }

  /** How many messages each of the subjects has. */
  async countBySubject(filter: string): Promise<ReadonlyMap<string, number>> {
    const info = await this.#patiently(() =>
      this.nats.manager.streams.info(this.stream, { subjects_filter: filter }),
    );
    return new Map(Object.entries(info.state.subjects ?? {}));
  }

  async at(sequence: number): Promise<StoredMsg | undefined> {
    return this.#get({ seq: sequence });
  }

  /** The first message of a subject from a sequence number on. */
  async next(subject: string, sequence: number): Promise<StoredMsg | undefined> {
    // The server knows this query, the client's types don't.
    const query = { seq: Math.max(1, sequence), next_by_subj: subject };
    return this.#get(query);
  }

  async last(subject: string): Promise<StoredMsg | undefined> {
    return this.#get({ last_by_subj: subject });
  }

  /** The sequence number of the first message that was stored at a time (milliseconds since 1970) or later. */
  async sequenceAt(time: number): Promise<number> {
    const { manager, connection } = this.nats;
    const { name, delivered } = await this.#patiently(() =>
      manager.consumers.add(this.stream, {
        name: `headrace_${nuid.next()}`,
        deliver_policy: DeliverPolicy.StartTime,
        opt_start_time: new Date(Math.max(0, time)).toISOString(),
        ack_policy: AckPolicy.None,
        inactive_threshold: nanos(READER_IDLE),
        mem_storage: true,
        num_replicas: 1,
      }),
    );
    connection.publish(`$JS.API.CONSUMER.DELETE.${this.stream}.${name}`);
    return delivered.stream_seq + 1;
  }

  /** Removes the messages of a subject that are before a sequence number. */
  async purge(subject: string, before: number): Promise<number> {
    const { purged } = await this.#patiently(() =>
      this.nats.manager.streams.purge(this.stream, { filter: subject, seq: before }),
    );
    return purged;
  }

  /** Stores a message whatever stands before it. */
  async put(subject: string, text: string): Promise<void> {
    await this.#patiently(() => this.nats.jetstream.publish(subject, text));
  }

  #patiently<T>(call: () => Promise<T>): Promise<T> {
    return patiently(this.nats, call, () => this.#over);
  }

  async #get(query: Parameters<Nats["manager"]["streams"]["getMessage"]>[1]): Promise<StoredMsg | undefined> {
    const found = await this.#patiently(() => this.nats.manager.streams.getMessage(this.stream, query));
    return found ?? undefined;
  }
}

/** Tries until the servers answer. What they refuse, rather than not answer, isn't tried again. */
async function patiently<T>(nats: Nats, call: () => Promise<T>, isOver: () => boolean): Promise<T> {
  const deadline = performance.now() + READ_PATIENCE;
  for (;;) {
    try {
      const answer = await call();
      nats.answered();
      return answer;
    } catch (error) {
      if (error instanceof HeadraceError) throw error;
      if (isRefusal(error)) {
        throw new HeadraceError("log_failed", `NATS refused: ${messageOf(error)}`, { cause: error });
      }
      nats.unanswered();
      if (performance.now() > deadline || isOver() || nats.connection.isClosed()) throw unreachable(error);
    }
    await sleep(READ_PAUSE);
  }
}

export function codeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

/** No server to place a stream on: they are still starting. */
const NO_PEERS = 10_005;
/** Replicas are asked for where there is one server. */
const NOT_CLUSTERED = 10_074;

/** Answers of JetStream that the same call would get again. Others (no leader, not enough peers yet) pass. */
export function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  if (code === NO_PEERS) return false;
  if (code === NOT_CLUSTERED) return true;
  const status = error instanceof JetStreamApiError ? error.status : undefined;
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
}

export function unreachable(cause: unknown): HeadraceError {
  return new HeadraceError("log_unreachable", `the log's servers don't answer: ${messageOf(cause)}`, {
    cause,
    retryAfterSeconds: UNREACHABLE_RETRY_AFTER_SECONDS,
  });
}
