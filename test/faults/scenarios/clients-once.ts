import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SECOND } from "../../../src/units.ts";
import { EventMaker, send, type SentBatch } from "../../guarantees/oracle.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { rawConnection, type RawConnection } from "../../support/raw-http.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { judge } from "../judge.ts";
import type { Scenario } from "../scenario.ts";

const PROJECT = join(import.meta.dirname, "../../guarantees/kill-project");
const ACTIONS = { short: 60, full: 4_000 };
/** Clients at once. */
const CLIENTS = 6;
/** Connections that have begun a request and never go on. */
const STALLED = 50;
const ANSWER_MAX = 20 * SECOND;

const HABITS = ["twice", "at once", "lost reply", "cut off", "half-closed", "slow"] as const;

export const clientsOnce: Scenario = {
  group: "clients",
  name: "clients that repeat, vanish, dawdle and close half",
  what:
    "Clients deliver a batch twice, send one key on two connections at once, go away right after their last byte so that the reply " +
    "is lost, break off in the middle of a body, close their half of the connection before the answer, or send a few bytes at a time; " +
    `${STALLED} more connections stop in the middle of a request. Whoever has a key sends again until there is an answer.`,
  async run({ seed, scale, folder, progress, signal }) {
    const server = await startServerProcess({ project: PROJECT, data: join(folder, "data") });
    const clients = new Clients(server.url, seededRandom(seed));
    await clients.stall();
    const actions = ACTIONS[scale];
    let begun = 0;
    const client = async (): Promise<void> => {
      for (let action = begun++; action < actions; action = begun++) {
        signal.throwIfAborted();
        await clients.act();
        progress(begun, actions);
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    const judged = await judge(server.url, clients.batches);
    await server.stop("SIGKILL");
    const counts = [...clients.counts].map(([habit, count]) => `${count} ${habit}`).join(", ");
    return { ...judged, runs: actions, problems: [...judged.problems, ...clients.problems], note: counts };
  },
};

class Clients {
  readonly batches: SentBatch[] = [];
  readonly problems: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #url: string;
  readonly #random: Random;
  readonly #maker: EventMaker;

  constructor(url: string, random: Random) {
    this.#url = url;
    this.#random = random;
    this.#maker = new EventMaker(random);
  }

  async stall(): Promise<void> {
    for (let count = 0; count < STALLED; count++) {
      const connection = await rawConnection(this.#url);
      connection.send(`${headOf("plain", undefined, 1_000, "keep-alive")}{"n":`);
    }
  }

  async act(): Promise<void> {
    const habit = HABITS[this.#random.below(HABITS.length)] ?? "twice";
    this.counts.set(habit, (this.counts.get(habit) ?? 0) + 1);
    // Without a key only what goes by itself may be sent again.
    const keyed = habit === "twice" || habit === "at once" || this.#random.chance(0.7);
    const batch = this.#maker.batch("plain", "client", keyed);
    this.batches.push(batch);
    await this.#send(habit, batch);
    if (keyed) await this.#untilAnswered(batch);
  }

  async #send(habit: (typeof HABITS)[number], batch: SentBatch): Promise<void> {
    switch (habit) {
      case "twice":
        await this.#untilAnswered(batch);
        return;
      case "at once":
        await Promise.all([send(this.#url, { ...batch }), send(this.#url, { ...batch })]);
        return;
      case "lost reply":
      case "cut off":
        await this.#vanish(batch, habit === "cut off");
        return;
      case "half-closed":
      case "slow":
        await this.#wholeAnswer(batch, habit === "slow");
        return;
      default:
        habit satisfies never;
    }
  }

  /** Goes away after the last byte, or in the middle, at once or a little later. */
  async #vanish(batch: SentBatch, early: boolean): Promise<void> {
    const connection = await rawConnection(this.#url);
    const bytes = requestOf(batch);
    connection.send(early ? bytes.subarray(0, 1 + this.#random.below(bytes.length - 1)) : bytes);
    await until(() => connection.socket.writableLength === 0);
    await sleep(this.#random.below(8));
    if (this.#random.chance(0.5)) connection.socket.resetAndDestroy();
    else connection.socket.destroy();
  }

  async #wholeAnswer(batch: SentBatch, slowly: boolean): Promise<void> {
    const connection = await rawConnection(this.#url);
    const bytes = requestOf(batch);
    if (slowly) await this.#dribble(connection, bytes);
    else connection.socket.end(bytes);
    const text = await Promise.race([connection.closed(), sleep(ANSWER_MAX, "")]);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    if (status !== 0) batch.outcome = status;
    // Who closes its half is taken for gone, as whoever closes a tail or a long query; it may still have an answer.
    else if (slowly) this.problems.push("a slow client had no answer");
  }

  async #dribble(connection: RawConnection, bytes: Buffer): Promise<void> {
    const step = Math.ceil(bytes.length / 12);
    for (let from = 0; from < bytes.length; from += step) {
      connection.send(bytes.subarray(from, from + step));
      await sleep(this.#random.below(15));
    }
  }

  async #untilAnswered(batch: SentBatch): Promise<void> {
    do await send(this.#url, batch);
    while (batch.outcome === "unanswered" || batch.outcome === 409);
    if (batch.outcome !== 202) this.problems.push(`a batch was answered with ${batch.outcome}`);
  }
}

function requestOf(batch: SentBatch): Buffer {
  const body = Buffer.from(batch.body);
  return Buffer.concat([Buffer.from(headOf(batch.stream, batch.key, body.length, "close")), body]);
}

function headOf(stream: string, key: string | undefined, length: number, connection: string): string {
  return (
    `POST /v1/streams/${stream}/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n` +
    `Connection: ${connection}\r\nContent-Length: ${length}\r\n${key === undefined ? "" : `Idempotency-Key: ${key}\r\n`}\r\n`
  );
}
