import { join } from "node:path";
import { DAY, SECOND } from "../../../src/units.ts";
import { EventMaker, withoutBad, type SentBatch } from "../../guarantees/oracle.ts";
import { testToken } from "../../access/token-fixtures.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { judge } from "../judge.ts";
import type { Scenario } from "../scenario.ts";
import { settableClock, type SettableClock } from "../support/set-clock.ts";

const PROJECT = join(import.meta.dirname, "../../guarantees/kill-project");
/** In days: how far the clock is set from the true time, one after the other. */
const JUMPS = [10, 0, -10, 0];
const ROUNDS = { short: 1, full: 25 };
const BATCHES = 4;
/** The windows of keys and ids, and all retentions, are a day: of what is sent here nothing may go. */
const SETTINGS = {
  HEADRACE_KEY_WINDOW: "1d",
  HEADRACE_LOG_RETENTION_AGE: "1d",
  HEADRACE_REJECTED_RETENTION_AGE: "1d",
};
const FRESHNESS_MAX = 20 * SECOND;

export const clockJumps: Scenario = {
  group: "clock",
  name: "the clock is set 10 days ahead and back",
  what:
    "While a server runs, and while it is stopped, its clock is set 10 days ahead, back, 10 days behind and right again (Node's; " +
    "the engine's stays right). At each time every earlier batch with a key is sent again, and every event with an " +
    "id. All windows and retentions are a day. Nothing may be forgotten, dropped or counted twice, no timer may stand still, and " +
    "no freshness or lag may be told in days. A token holds until its time by the clock as it is.",
  async run({ seed, scale, folder, progress, signal }) {
    const time = await settableClock(folder);
    const jumping = new Jumping(time, join(folder, "data"), seededRandom(seed));
    const rounds = ROUNDS[scale];
    let runs = 0;
    await jumping.start();
    for (let round = 0; round < rounds; round++) {
      for (const days of JUMPS) {
        signal.throwIfAborted();
        // When it is set while no server runs, nothing has been accepted by the wrong clock at the start.
        const restarts = days === 10 && round % 2 === 0;
        if (restarts) await jumping.stop();
        await time.set(days);
        if (restarts) await jumping.start();
        await jumping.send(`with the clock set by ${days} days`);
        runs += 1;
        progress(runs, rounds * JUMPS.length);
      }
    }
    const judged = await judge(jumping.url, jumping.batches);
    await jumping.checkFigures();
    await jumping.stop();
    const tokens = await checkTokens(time, join(folder, "tokens"));
    return { ...judged, runs, problems: [...judged.problems, ...jumping.problems, ...tokens] };
  },
};

class Jumping {
  readonly batches: SentBatch[] = [];
  readonly problems: string[] = [];
  readonly #time: SettableClock;
  readonly #data: string;
  readonly #maker: EventMaker;
  #server: ServerProcess | undefined;

  constructor(time: SettableClock, data: string, random: Random) {
    this.#time = time;
    this.#data = data;
    this.#maker = new EventMaker(random);
  }

  get url(): string {
    return this.#server?.url ?? "";
  }

  async start(): Promise<void> {
    const env = { ...this.#time.env, ...SETTINGS };
    this.#server = await startServerProcess({ project: PROJECT, data: this.#data, env });
  }

  async stop(): Promise<void> {
    const code = await this.#server?.stop("SIGTERM");
    if (code !== 0) this.problems.push(`the server stopped with ${code}`);
  }

  /** New batches, and all that came before once more. */
  async send(when: string): Promise<void> {
    await Promise.all(this.batches.map((batch) => this.#sendOne(batch, when, true)));
    const fresh = Array.from({ length: BATCHES }, (_, count) => {
      const stream = count % 2 === 0 ? "plain" : "unique";
      const batch = this.#maker.batch(stream, "writer", stream === "plain");
      return stream === "unique" ? withoutBad(batch) : batch;
    });
    this.batches.push(...fresh);
    await Promise.all(fresh.map((batch) => this.#sendOne(batch, when, false)));
    const { streams } = (await this.#get("/readyz")) as {
      streams: Record<string, { log: { first_offset: number }[] }>;
    };
    for (const [name, { log }] of Object.entries(streams)) {
      if (log.some(({ first_offset }) => first_offset > 0))
        this.problems.push(`${when}, the log of ${name} was dropped`);
    }
  }

  async #sendOne(batch: SentBatch, when: string, again: boolean): Promise<void> {
    const response = await fetch(`${this.url}/v1/streams/${batch.stream}/events?wait=stored`, {
      method: "POST",
      headers: {
        "content-type": "application/x-ndjson",
        ...(batch.key === undefined ? {} : { "idempotency-key": batch.key }),
      },
      body: batch.body,
      signal: AbortSignal.timeout(FRESHNESS_MAX),
    });
    const answer = (await response.json()) as { duplicates?: number };
    batch.outcome = response.status;
    const isKnown =
      batch.key === undefined
        ? answer.duplicates === batch.good.length
        : response.headers.get("idempotency-replayed") === "true";
    if (again !== isKnown)
      this.problems.push(
        `${when}, a batch of ${batch.stream} was taken for ${again ? "a new" : "an old"} one`,
      );
  }

  async checkFigures(): Promise<void> {
    const { streams } = (await this.#get("/v1/streams")) as {
      streams: { name: string; lag: { age_ms: number }; freshness: { measured: { p99_ms: number } } }[];
    };
    for (const { name, lag, freshness } of streams) {
      if (lag.age_ms > FRESHNESS_MAX || freshness.measured.p99_ms > FRESHNESS_MAX)
        this.problems.push(
          `${name} tells a lag of ${lag.age_ms} ms and a freshness of ${freshness.measured.p99_ms} ms`,
        );
    }
  }

  async #get(path: string): Promise<unknown> {
    return (await fetch(`${this.url}${path}`)).json();
  }
}

/** A token of 5 days, in a server whose clock is set. */
async function checkTokens(time: SettableClock, data: string): Promise<string[]> {
  await time.set(0);
  const { token, entry } = testToken("five-days", ["*"], {
    expires: new Date(Date.now() + 5 * DAY).toISOString(),
  });
  const env = { ...time.env, HEADRACE_TOKENS: JSON.stringify([entry]) };
  const server = await startServerProcess({ project: PROJECT, data, env });
  const problems: string[] = [];
  for (const [days, wanted] of [
    [0, 200],
    [10, 401],
    [0, 200],
    [-10, 200],
  ] as const) {
    await time.set(days);
    let status = 0;
    const isAsWanted = async () => {
      const headers = { authorization: `Bearer ${token}` };
      ({ status } = await fetch(`${server.url}/v1/streams`, { headers }));
      return status === wanted;
    };
    // The server's clock is set within some milliseconds.
    await until(isAsWanted, { timeout: SECOND }).catch(() => {
      problems.push(`with the clock set by ${days} days a token of 5 days gives ${status}`);
    });
  }
  await server.stop("SIGKILL");
  return problems;
}
