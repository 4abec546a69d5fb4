import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "../support/random.ts";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { CLEAN, compare } from "./oracle.ts";
import { counts, rejected, rows } from "./stored.ts";
import { Traffic } from "./traffic.ts";

const ROUNDS = Number(process.env["HEADRACE_TEST_KILL_ROUNDS"] ?? 50);
const PROJECT = join(import.meta.dirname, "kill-project");
const SEED = Number(process.env["HEADRACE_TEST_SEED"] ?? 1);
const WRITERS = 6;

let data: string;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "headrace-kill-"));
});
afterAll(async () => {
  await rm(data, { recursive: true, force: true });
});

test(
  `${ROUNDS} times killed with kill -9 under load: nothing acknowledged is lost, doubled or changed`,
  { timeout: 600_000 },
  async () => {
    const random = seededRandom(SEED);
    const traffic = new Traffic(random);
    let server: ServerProcess = await startServerProcess({ project: PROJECT, data });
    traffic.aim(server.url);
    const writers = Array.from({ length: WRITERS }, (_, writer) => traffic.write(writer));

    for (let round = 0; round < ROUNDS; round++) {
      const enough = traffic.answered + 5 + random.below(145);
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
        traffic.of("plain"),
        await rows(server.url, "plain"),
        await rejected(server.url, "plain"),
      ),
      unique: compare(traffic.of("unique"), await rows(server.url, "unique"), []),
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
