import { HeadraceError } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import type { StreamSchema } from "../../project/column.ts";
import type { Position } from "../log.ts";
import { stateStream, stateSubject, stateSubjects } from "./names.ts";
import { StreamServer } from "./server.ts";

/** What the log remembers beside the events: schemas by fingerprint, cursors by subscription, the number of partitions. */
export class Remembered {
  readonly #server: StreamServer;
  readonly #prefix: string;
  readonly #schemas = new Map<string, StreamSchema>();

  private constructor(nats: Nats) {
    this.#prefix = nats.prefix;
    this.#server = new StreamServer(nats, stateStream(nats.prefix));
  }

  static async open(nats: Nats): Promise<Remembered> {
    const remembered = new Remembered(nats);
    await remembered.#server.ensure([stateSubjects(nats.prefix)], true);
    return remembered;
  }

  /** Makes the schema known to all readers. Call it before the first event of it is appended. */
  async addSchema(stream: string, schema: StreamSchema): Promise<void> {
    const key = `schema.${schema.fingerprint}`;
    if ((await this.#get(stream, key)) === undefined) await this.#put(stream, key, schema);
    this.#schemas.set(`${stream} ${schema.fingerprint}`, schema);
  }

  async schema(stream: string, fingerprint: string): Promise<StreamSchema> {
    const known = this.#schemas.get(`${stream} ${fingerprint}`);
    if (known !== undefined) return known;
    const schema = (await this.#get(stream, `schema.${fingerprint}`)) as StreamSchema | undefined;
    if (schema === undefined) {
      throw new HeadraceError(
        "log_corrupt",
        `the log of ${stream} has events of the schema ${fingerprint}, which nobody knows: the JetStream stream ${this.#server.stream} lost it`,
      );
    }
    this.#schemas.set(`${stream} ${fingerprint}`, schema);
    return schema;
  }

  async cursor(stream: string, partition: number, subscription: string): Promise<Position | undefined> {
    return (await this.#get(stream, cursorKey(partition, subscription))) as Position | undefined;
  }

  async setCursor(
    stream: string,
    partition: number,
    subscription: string,
    position: Position,
  ): Promise<void> {
    await this.#put(stream, cursorKey(partition, subscription), position);
  }

  /** The names and cursors of all subscriptions of a partition. */
  async cursors(stream: string, partition: number): Promise<ReadonlyMap<string, Position>> {
    const subjects = await this.#server.countBySubject(this.#subject(stream, `cursor.${partition}.*`));
    const cursors = new Map<string, Position>();
    for (const subject of subjects.keys()) {
      const name = Buffer.from(subject.slice(subject.lastIndexOf(".") + 1), "base64url").toString();
      const position = await this.cursor(stream, partition, name);
      if (position !== undefined) cursors.set(name, position);
    }
    return cursors;
  }

  /** With how many partitions the stream was last opened. */
  async partitions(stream: string): Promise<number | undefined> {
    return (await this.#get(stream, "partitions")) as number | undefined;
  }

  async setPartitions(stream: string, partitions: number): Promise<void> {
    await this.#put(stream, "partitions", partitions);
  }

  async #get(stream: string, key: string): Promise<unknown> {
    const found = await this.#server.last(this.#subject(stream, key));
    return found === undefined ? undefined : found.json();
  }

  async #put(stream: string, key: string, value: unknown): Promise<void> {
    await this.#server.put(this.#subject(stream, key), JSON.stringify(value));
  }

  #subject(stream: string, key: string): string {
    return stateSubject(this.#prefix, stream, key);
  }
}

/** Names of subscriptions may hold anything. */
function cursorKey(partition: number, subscription: string): string {
  return `cursor.${partition}.${Buffer.from(subscription).toString("base64url")}`;
}
