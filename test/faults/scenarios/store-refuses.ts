import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LOAD_LIMITS } from "../../../src/load/limits.ts";
import { MIB, SECOND } from "../../../src/units.ts";
import { EventMaker, send, type SentBatch } from "../../guarantees/oracle.ts";
import { metric } from "../../guarantees/stored.ts";
import { seededRandom } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { judge } from "../judge.ts";
import type { Scenario } from "../scenario.ts";
import { openSaboteur, type Saboteur } from "../support/saboteur.ts";
import { startServerHere, type ServerHere } from "../support/server-here.ts";

const PROJECT = join(import.meta.dirname, "../../guarantees/kill-project");
const ROUNDS = { short: 1, full: 4 };
/** Milliseconds for which a table takes nothing. */
const LASTS = { short: 1.5 * SECOND, full: 20 * SECOND };
/** What another stream's event may take to be queryable meanwhile: the promise is 0.2 s, and the machine may be busy. */
const OTHERS_FRESHNESS_MAX = 5 * SECOND;
/** In milliseconds: how late the first failed try may be told. */
const TOLD_MAX = 10 * SECOND;
/** After so many failures the bound of the wait has reached its highest; until then there are few waits in any time. */
const FIRST_RETRIES = 12;

export const storeRefuses: Scenario = {
  group: "store",
  name: "a table that takes no more, and an engine without memory",
  what:
    "One stream's table refuses every insert for a while (too many parts), then the engine's memory is used up by something else, " +
    "so that no insert goes through. The server must go on to take events, say in /readyz and in its metrics which stream is tried again " +
    "and why, try at growing random intervals, keep the other stream's events fresh in the first case, and load everything by itself afterwards.",
  async run({ seed, scale, folder, progress, signal }) {
    const server = await startServerHere(PROJECT, join(folder, "data"), { HEADRACE_STORE_MEMORY: "512MiB" });
    const saboteur = await openSaboteur(server.store);
    const trouble = new Trouble(server, saboteur, new EventMaker(seededRandom(seed)));
    const rounds = ROUNDS[scale];
    await trouble.send("plain");
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      await trouble.tooManyParts(LASTS[scale]);
      progress(2 * round + 1, 2 * rounds);
      await trouble.noMemory(LASTS[scale]);
      progress(2 * round + 2, 2 * rounds);
    }
    const judged = await judge(server.url, trouble.batches);
    const retries = server.lines.filter(({ attempt }) => attempt !== undefined).length;
    await saboteur.close();
    await server.close();
    return {
      ...judged,
      runs: 2 * rounds,
      problems: [...judged.problems, ...trouble.problems],
      note:
        `${retries} retries; an event of the other stream was queryable after ${trouble.slowest} ms at most; ` +
        `all was loaded ${(trouble.longestRecovery / SECOND).toFixed(1)} s after the trouble at the latest`,
    };
  },
};

interface Load {
  readonly state: string;
  readonly reason?: string;
  readonly lag_events: number;
}

class Trouble {
  readonly batches: SentBatch[] = [];
  readonly problems: string[] = [];
  readonly #server: ServerHere;
  readonly #saboteur: Saboteur;
  readonly #maker: EventMaker;
  /** Milliseconds. */
  slowest = 0;
  longestRecovery = 0;

  constructor(server: ServerHere, saboteur: Saboteur, maker: EventMaker) {
    this.#server = server;
    this.#saboteur = saboteur;
    this.#maker = maker;
  }

  async send(stream: "plain" | "unique", query = ""): Promise<void> {
    const batch = this.#maker.batch(stream, "writer", stream === "plain");
    this.batches.push(batch);
    await send(this.#server.url, batch, query);
    if (batch.outcome !== 200 && batch.outcome !== 202)
      this.problems.push(`a batch of ${stream} was answered with ${batch.outcome}`);
  }

  async tooManyParts(lasts: number): Promise<void> {
    await this.#saboteur.run("SYSTEM STOP MERGES headrace.plain");
    await this.#saboteur.run(
      "ALTER TABLE headrace.plain MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1",
    );
    await this.#failing(lasts, "Too many parts", async () => {
      const began = performance.now();
      await this.send("unique", "?wait=stored");
      this.slowest = Math.max(this.slowest, Math.round(performance.now() - began));
    });
    if (this.slowest > OTHERS_FRESHNESS_MAX)
      this.problems.push(`an event of the other stream was queryable only after ${this.slowest} ms`);
    await this.#saboteur.run(
      "ALTER TABLE headrace.plain RESET SETTING parts_to_delay_insert, parts_to_throw_insert",
    );
    await this.#saboteur.run("SYSTEM START MERGES headrace.plain");
    await this.#recovered();
  }

  async noMemory(lasts: number): Promise<void> {
    await this.#saboteur.run("CREATE TABLE default.hog (bytes String) ENGINE = Memory");
    // Less goes past the engine's limit: a query counts its memory in pieces of 4 MiB.
    for (let size = 64 * MIB; size >= 2 * MIB;) {
      const filled = await this.#saboteur
        .run(`INSERT INTO default.hog SELECT randomString(${size})`)
        .catch(() => undefined);
      if (filled === undefined) size /= 2;
    }
    await this.#failing(lasts, "memory", () => this.send("unique"));
    await this.#saboteur.run("DROP TABLE default.hog SYNC");
    await this.#recovered();
  }

  /** Sends to the stream whose inserts fail, and does something else beside it, for so many milliseconds. */
  async #failing(lasts: number, reason: string, beside: () => Promise<void>): Promise<void> {
    const { url } = this.#server;
    const retriesBefore = await metric(url, "headrace_load_retries_total", { stream: "plain" });
    const end = performance.now() + lasts;
    let told = "";
    // On a busy machine the first try may come late.
    while (performance.now() < end || (told === "" && performance.now() < end + TOLD_MAX)) {
      await Promise.all([this.send("plain"), beside()]);
      const { status, load } = await this.#readyz();
      if (load.state === "retrying") told = load.reason ?? "";
      if (status !== 200) this.problems.push(`/readyz was ${status} while one stream was tried again`);
      await sleep(50);
    }
    if (!told.toLowerCase().includes(reason.toLowerCase()))
      this.problems.push(`/readyz gave "${told}" as the reason instead of ${reason}`);
    const retries = (await metric(url, "headrace_load_retries_total", { stream: "plain" })) - retriesBefore;
    const lasted = performance.now() - end + lasts;
    const most = FIRST_RETRIES + lasted / (LOAD_LIMITS.retryMax / 8);
    if (retries === 0 || retries > most)
      this.problems.push(`${retries} retries in ${lasted / SECOND} s of ${reason}`);
  }

  /** Everything is loaded within the longest wait between two tries: the other stream's events too, which had no memory either. */
  async #recovered(): Promise<void> {
    const began = performance.now();
    await until(async () => (await this.#readyz()).lag === 0, {
      timeout: LOAD_LIMITS.retryMax + 20 * SECOND,
    });
    this.longestRecovery = Math.max(this.longestRecovery, performance.now() - began);
  }

  /** How plain is loaded, and the events of both streams that aren't yet. */
  async #readyz(): Promise<{ status: number; load: Load; lag: number }> {
    const response = await fetch(`${this.#server.url}/readyz`);
    const { streams } = (await response.json()) as { streams: Record<"plain" | "unique", { load: Load }> };
    const lag = streams.plain.load.lag_events + streams.unique.load.lag_events;
    return { status: response.status, load: streams.plain.load, lag };
  }
}
