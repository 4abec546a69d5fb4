import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { CLEAN, compare, EventMaker, send, type SentBatch } from "./oracle.ts";
import { counts, rejected, rows } from "./stored.ts";

const ROUNDS = Number(process.env["HEADRACE_TEST_KILL_ROUNDS"] ?? 50);
const PROJECT = join(import.meta.dirname, "kill-project");
const WRITERS = 6;

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "headrace-kill-"));
});
afterAll(async () => {
  await rm(data, { recursive: true, force: true });
});

/** A server that is killed at random while writers go on sending to whichever process is up. */
class Traffic {
  readonly batches: SentBatch[] = [];
  readonly #maker = new EventMaker();
  #server = Promise.withResolvers<string>();
  #stopped = false;

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

  /** Sends until stopped. Keyed batches and those of the stream with ids are sent again until they are answered. */
  async write(writer: number): Promise<void> {
    const stream = writer % 3 === 2 ? "unique" : "plain";
    const keyed = writer % 3 === 0;
    while (!this.#stopped) {
      const batch = this.#maker.batch(stream, `writer-${writer}`, keyed);
      if (stream === "unique") Object.assign(batch, { bad: [], body: withoutBad(batch) });
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

  async #send(batch: SentBatch): Promise<void> {
    await send(await this.#server.promise, batch);
  }
}

function withoutBad(batch: SentBatch): string {
  return batch.good.map((event) => `${JSON.stringify(event)}\n`).join("");
}

test(
  `${ROUNDS} times killed with kill -9 under load: nothing acknowledged is lost, doubled or changed`,
  { timeout: 600_000 },
  async () => {
    const traffic = new Traffic();
    let server: ServerProcess = await startServerProcess({ project: PROJECT, data });
    traffic.aim(server.url);
    const writers = Array.from({ length: WRITERS }, (_, writer) => traffic.write(writer));

    for (let round = 0; round < ROUNDS; round++) {
      const enough = traffic.answered + randomInt(5, 150);
      await until(() => traffic.answered > enough);
      const killed = server.stop("SIGKILL");
      traffic.lift();
      await killed;
      server = await startServerProcess({ project: PROJECT, data });
      traffic.aim(server.url);
    }
    traffic.stop();
    await Promise.all(writers);

    const findings = {
      plain: compare(
        of(traffic, "plain"),
        await rows(server.url, "plain"),
        await rejected(server.url, "plain"),
      ),
      unique: compare(of(traffic, "unique"), await rows(server.url, "unique"), []),
    };
    // The count of rejected events may be a second old.
    const url = server.url;
    const total = findings.plain.rows + findings.plain.rejected;
    await until(async () => {
      const { events, rejected: refused } = await counts(url, "plain");
      return events + refused === total;
    });
    const counted = await counts(url, "plain");
    expect(await server.stop("SIGTERM")).toBe(0);

    const acknowledged = traffic.batches.filter(
      (batch) => typeof batch.outcome === "number" && batch.outcome < 300,
    );
    console.log(
      `kill -9: ${ROUNDS} rounds, ${traffic.batches.length} batches, ${acknowledged.length} acknowledged, ` +
        `${traffic.batches.filter((batch) => batch.outcome === "unanswered").length} unanswered, ` +
        `${acknowledged.reduce((sum, batch) => sum + batch.good.length, 0)} events acknowledged`,
    );
    expect(findings.plain).toMatchObject(CLEAN);
    expect(findings.unique).toMatchObject(CLEAN);
    expect(counted).toEqual({ events: findings.plain.rows, rejected: findings.plain.rejected, lag: 0 });
    // The test would say nothing if the kills had hit an idle server.
    expect(acknowledged.length).toBeGreaterThan(ROUNDS * 5);
    expect(traffic.batches.filter((batch) => batch.outcome === "unanswered").length).toBeGreaterThan(ROUNDS);
  },
);

function of(traffic: Traffic, stream: string): SentBatch[] {
  return traffic.batches.filter((batch) => batch.stream === stream);
}
