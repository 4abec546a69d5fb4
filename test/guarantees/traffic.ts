import type { Random } from "../support/random.ts";
import { EventMaker, send, withoutBad, type EventMakerOptions, type SentBatch } from "./oracle.ts";

/** Writers that go on sending to whichever process is up, while servers come and go. */
export class Traffic {
  readonly batches: SentBatch[] = [];
  readonly maker: EventMaker;
  #server = Promise.withResolvers<string>();
  #stopped = false;

  constructor(random: Random, options: EventMakerOptions = {}) {
    this.maker = new EventMaker(random, options);
  }

  /** A server is up: writers go on there. */
  aim(url: string): void {
    this.#server.resolve(url);
  }

  /** The server is about to go: what is in flight will break, and writers wait for the next one. */
  lift(): void {
    this.#server = Promise.withResolvers<string>();
  }

  get answered(): number {
    return this.batches.filter((batch) => batch.outcome !== "unanswered").length;
  }

  /** What was sent to a stream. */
  of(stream: string): SentBatch[] {
    return this.batches.filter((batch) => batch.stream === stream);
  }

  /** Sends until stopped. Keyed batches and those of the stream with ids are sent again until they are answered. */
  async write(writer: number): Promise<void> {
    const stream = writer % 3 === 2 ? "unique" : "plain";
    const keyed = writer % 3 === 0;
    while (!this.#stopped) {
      const made = this.maker.batch(stream, `writer-${writer}`, keyed);
      const batch = stream === "unique" ? withoutBad(made) : made;
      this.batches.push(batch);
      await this.#send(batch);
      if (!keyed && stream === "plain") continue;
      while (batch.outcome === "unanswered" || batch.outcome >= 500 || batch.outcome === 409) {
        await this.#send(batch);
      }
      // A producer that doesn't know that its first try was stored sends once more.
      if (batch.attempts === 1) await this.#send(batch);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Writers may begin again. */
  resume(): void {
    this.#stopped = false;
  }

  async #send(batch: SentBatch): Promise<void> {
    await send(await this.#server.promise, batch);
  }
}
