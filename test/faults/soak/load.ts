import { setTimeout as sleep } from "node:timers/promises";
import { SECOND } from "../../../src/units.ts";
import { until } from "../../support/until.ts";

/** Events of a batch of `readings`, and how many of them are bad. */
export const BATCH_EVENTS = 500;
const BATCH_BAD = 1;
/** Events of a batch of `orders`; a tenth of them repeats the one before. */
const ORDERS = 50;
/** One batch of `orders` comes with so many of `readings`. */
const ORDERS_EVERY = 10;
const SENSORS = 200;
const QUERY_INTERVAL = 0.5 * SECOND;
const RETRY_AFTER = 200;

/** Writers and readers of a server that comes and goes. Each batch has a key and is sent until it is answered. */
export class Load {
  readonly #stopping = new AbortController();
  #url = Promise.withResolvers<string>();
  #next = 0;
  #batches = 0;
  /** What was acknowledged. */
  readonly sent = { readings: 0, rejected: 0, orders: 0, duplicates: 0 };
  queries = 0;
  failedQueries = 0;

  aim(url: string): void {
    this.#url.resolve(url);
  }

  /** The server is about to go. */
  lift(): void {
    this.#url = Promise.withResolvers<string>();
  }

  stop(): void {
    this.#stopping.abort();
  }

  get #isOn(): boolean {
    return !this.#stopping.signal.aborted;
  }

  /** Sends as fast as it is answered, until stopped. */
  async flatOut(): Promise<void> {
    while (this.#isOn) await this.#sendNext();
  }

  /** Sends so many events a second, together with others of its kind, until stopped; what it is late by it makes up for. */
  async paced(eventsPerSecond: number): Promise<void> {
    const interval = (BATCH_EVENTS / eventsPerSecond) * SECOND;
    let next = performance.now() + Math.random() * interval;
    while (this.#isOn) {
      await sleep(Math.max(0, next - performance.now()));
      await this.#sendNext();
      next = Math.max(next + interval, performance.now() - 10 * SECOND);
    }
  }

  /** Asks an endpoint again and again, with another parameter each time so that nothing is kept. */
  async query(): Promise<void> {
    while (this.#isOn) {
      const url = await this.#url.promise;
      this.queries += 1;
      try {
        const answer = await fetch(`${url}/v1/endpoints/by_sensor?least=${this.#next % 1_000}`);
        await answer.arrayBuffer();
        if (answer.status >= 500 && answer.status !== 503) this.failedQueries += 1;
      } catch {
        // The server was stopped meanwhile.
      }
      await sleep(QUERY_INTERVAL);
    }
  }

  async #sendNext(): Promise<void> {
    const batch = this.#batches++;
    await this.#post("readings", `readings ${batch}`, this.#readings());
    this.sent.readings += BATCH_EVENTS - BATCH_BAD;
    this.sent.rejected += BATCH_BAD;
    if (batch % ORDERS_EVERY !== 0) return;
    await this.#post("orders", `orders ${batch}`, ordersOf(batch));
    this.sent.orders += ORDERS;
    this.sent.duplicates += ORDERS / 10;
  }

  #readings(): string {
    const at = new Date().toISOString();
    let text = "";
    for (let index = 0; index < BATCH_EVENTS; index++) {
      const n = this.#next++ % 2 ** 31;
      const value = index < BATCH_BAD ? '"bad"' : n / 7;
      text += `{"n":${n},"at":"${at}","sensor":"s${n % SENSORS}","value":${value},"text":"reading number ${n}"}\n`;
    }
    return text;
  }

  async #post(stream: string, key: string, body: string): Promise<void> {
    for (;;) {
      const url = await this.#url.promise;
      try {
        const answer = await fetch(`${url}/v1/streams/${stream}/events`, {
          method: "POST",
          headers: { "content-type": "application/x-ndjson", "idempotency-key": key },
          body,
        });
        await answer.arrayBuffer();
        if (answer.status === 202) return;
      } catch {
        // Sent again, to whichever server is up then.
      }
      await sleep(RETRY_AFTER);
    }
  }
}

function ordersOf(batch: number): string {
  let text = "";
  for (let index = 0; index < ORDERS; index++) {
    const n = batch * ORDERS + index;
    const line = `{"order":"order-${n}","n":${n % 2 ** 31}}\n`;
    text += index % 10 === 0 ? line + line : line;
  }
  return text;
}

/** Waits until the server has loaded all that it took, and gives what it has then. */
export async function settledCounts(
  url: string,
): Promise<{ readings: number; rejected: number; orders: number }> {
  type Streams = { name: string; events: number; rejected: number; lag: { events: number } }[];
  let streams: Streams = [];
  await until(
    async () => {
      ({ streams } = (await (await fetch(`${url}/v1/streams`)).json()) as { streams: Streams });
      return streams.every(({ lag }) => lag.events === 0);
    },
    { timeout: 300 * SECOND },
  );
  // The counts may be a second old.
  await sleep(1.2 * SECOND);
  ({ streams } = (await (await fetch(`${url}/v1/streams`)).json()) as { streams: Streams });
  const of = (stream: string) => streams.find(({ name }) => name === stream);
  return {
    readings: of("readings")?.events ?? 0,
    rejected: of("readings")?.rejected ?? 0,
    orders: of("orders")?.events ?? 0,
  };
}
