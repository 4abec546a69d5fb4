import { setTimeout as sleep } from "node:timers/promises";
import { EventMaker, send, withoutBad, type SentBatch } from "../guarantees/oracle.ts";
import type { Random } from "../support/random.ts";
import type { FleetMember } from "./fleet.ts";

/** How long a client tries until a request has failed, in milliseconds. */
const PATIENCE = 30_000;
const RETRY_PAUSE = 50;
const WRITE_PAUSE = 5;

/** Clients of a fleet: each tries the processes of a role in turn until one answers, as behind a load balancer. */
export class FleetClients {
  readonly batches: SentBatch[] = [];
  /** Requests that no process answered in time, with what came instead. */
  readonly failed: string[] = [];
  /** The longest that a request took with all its tries, in milliseconds. */
  longest = 0;
  /** Answers of endpoints. */
  answers = 0;
  readonly #maker: EventMaker;
  readonly #random: Random;
  #stopped = false;

  constructor(random: Random) {
    this.#random = random;
    this.#maker = new EventMaker(random, { nul: false });
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Sends batches with keys, or events with ids, until stopped. */
  async write(members: readonly FleetMember[], writer: number): Promise<void> {
    const stream = writer % 2 === 1 ? "unique" : "plain";
    while (!this.#stopped) {
      const made = this.#maker.batch(stream, `writer-${writer}`, stream === "plain");
      const batch = stream === "unique" ? withoutBad(made) : made;
      this.batches.push(batch);
      await this.#untilAnswered(`an event of ${stream}`, members, async (url) => {
        await send(url, batch);
        // 422: all of it is bad, and kept.
        return batch.outcome === 202 || batch.outcome === 422 ? undefined : String(batch.outcome);
      });
      // A producer that doesn't know that it was answered sends again, elsewhere.
      if (this.#random.chance(0.2)) await send(this.#pick(members).url, { ...batch });
      // Loaders that are killed all the time must be able to keep up.
      await sleep(WRITE_PAUSE);
    }
  }

  /** Asks an endpoint until stopped. */
  async read(members: readonly FleetMember[]): Promise<void> {
    while (!this.#stopped) {
      await this.#untilAnswered("an answer", members, async (url) => {
        const response = await fetch(`${url}/v1/endpoints/count_plain`);
        await response.text();
        return response.status === 200 ? undefined : String(response.status);
      });
      this.answers += 1;
      await sleep(20);
    }
  }

  /** `attempt` gives what went wrong, if anything did. */
  async #untilAnswered(
    what: string,
    members: readonly FleetMember[],
    attempt: (url: string) => Promise<string | undefined>,
  ): Promise<void> {
    const from = performance.now();
    for (let tries = 1; ; tries++) {
      const wrong = await attempt(this.#pick(members).url).catch((error: unknown) => String(error));
      const took = performance.now() - from;
      this.longest = Math.max(this.longest, took);
      if (wrong === undefined) return;
      if (took > PATIENCE || (this.#stopped && tries > 100)) {
        this.failed.push(`${what}: ${wrong} after ${tries} tries`);
        return;
      }
      await sleep(RETRY_PAUSE);
    }
  }

  #pick(members: readonly FleetMember[]): FleetMember {
    const member = members[this.#random.below(members.length)];
    if (member === undefined) throw new Error("a fleet has members of each role");
    return member;
  }
}
