import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Traffic } from "../../guarantees/traffic.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { judge } from "../judge.ts";
import type { Figures, Scenario } from "../scenario.ts";

const PROJECT = join(import.meta.dirname, "../../guarantees/kill-project");
const WRITERS = 3;

/** What happens to a data folder whose server is stopped. `older` is a copy from a time when it had less. */
interface Loss {
  readonly name: string;
  apply(folders: { readonly data: string; readonly older: string }, random: Random): Promise<void>;
}

const replaceBy =
  (...parts: readonly string[]): Loss["apply"] =>
  async ({ data, older }) => {
    for (const part of parts) {
      await rm(join(data, part), { recursive: true, force: true });
      await cp(join(older, part), join(data, part), { recursive: true, verbatimSymlinks: true });
    }
  };

const LOSSES: readonly Loss[] = [
  { name: "one part", apply: ({ data }, random) => removeParts(data, random, 1) },
  { name: "every part", apply: ({ data }, random) => removeParts(data, random, Infinity) },
  { name: "the store", apply: ({ data }) => rm(join(data, "store"), { recursive: true }) },
  { name: "an older store", apply: replaceBy("store") },
  { name: "an older store and ledger", apply: replaceBy("store", "ledger") },
  { name: "an older ledger", apply: replaceBy("ledger") },
  { name: "the ledger", apply: ({ data }) => rm(join(data, "ledger"), { recursive: true }) },
  {
    name: "the ledger and a part",
    apply: async ({ data, older }, random) => {
      await replaceBy("ledger")({ data, older }, random);
      await rm(join(data, "log/plain/cursors"));
    },
  },
];

const ROUNDS = { short: 1, full: 12 };

export const storeVanishes: Scenario = {
  group: "power loss",
  name: "a store that lost rows",
  what:
    "Between two runs of the server parts of the table vanish, one or all, or the store's folder, or store or ledger are older copies. " +
    "The next start must notice and load from the log what is missing, and nothing twice.",
  async run({ seed, scale, folder, progress, signal }) {
    const random = seededRandom(seed);
    const total: Figures[] = [];
    const rounds = ROUNDS[scale];
    for (let round = 0; round < rounds; round++) {
      for (const [index, loss] of LOSSES.entries()) {
        signal.throwIfAborted();
        const own = join(folder, `${round}-${index}`);
        await mkdir(own, { recursive: true });
        const figures = await runOne(own, loss, random);
        total.push({ ...figures, problems: figures.problems.map((problem) => `${loss.name}: ${problem}`) });
        if (figures.problems.length === 0) await rm(own, { recursive: true });
        progress(round * LOSSES.length + index + 1, rounds * LOSSES.length);
      }
    }
    return sumOf(total);
  },
};

async function runOne(folder: string, loss: Loss, random: Random): Promise<Figures> {
  const data = join(folder, "data");
  const older = join(folder, "older");
  const traffic = new Traffic(random);
  await withTraffic(data, traffic, 30);
  await cp(data, older, { recursive: true, verbatimSymlinks: true });
  await withTraffic(data, traffic, 30);
  await withTraffic(data, traffic, 10);
  await loss.apply({ data, older }, random);
  const server = await startServerProcess({ project: PROJECT, data });
  await send(server, traffic, 10);
  const judged = await judge(server.url, traffic.batches);
  await server.stop("SIGTERM");
  return { ...judged, runs: 1 };
}

/** A run of the server in which at least so many batches are answered and all is loaded. */
async function withTraffic(data: string, traffic: Traffic, batches: number): Promise<void> {
  const server = await startServerProcess({ project: PROJECT, data });
  await send(server, traffic, batches);
  await judge(server.url, traffic.batches);
  await server.stop("SIGTERM");
}

async function send(server: ServerProcess, traffic: Traffic, batches: number): Promise<void> {
  traffic.aim(server.url);
  traffic.resume();
  const enough = traffic.answered + batches;
  const writers = Array.from({ length: WRITERS }, (_, writer) => traffic.write(writer));
  await until(() => traffic.answered >= enough, { timeout: 60_000 });
  traffic.stop();
  await Promise.all(writers);
  traffic.lift();
}

/** Removes so many of the parts of `plain` that no other covers, with those that they cover. */
async function removeParts(data: string, random: Random, count: number): Promise<void> {
  const root = join(data, "store/engine/data");
  const [database = ""] = (await readdir(root)).filter((name) => name !== "default" && name !== "system");
  const table = join(root, database, "plain");
  const parts = (await readdir(table)).flatMap((name) => {
    const [, partition, min, max] = /^(\w+?)_(\d+)_(\d+)_\d+$/.exec(name) ?? [];
    return partition === undefined ? [] : [{ name, partition, min: Number(min), max: Number(max) }];
  });
  type Part = (typeof parts)[number];
  const covers = (outer: Part, inner: Part): boolean =>
    outer.partition === inner.partition && outer.min <= inner.min && outer.max >= inner.max;
  const active = parts.filter(
    (part) => !parts.some((other) => other.name !== part.name && covers(other, part)),
  );
  if (active.length === 0) throw new Error(`there is no part in ${table}`);
  for (let left = count; left > 0 && active.length > 0; left--) {
    const [gone] = active.splice(random.below(active.length), 1);
    for (const part of parts.filter((one) => gone !== undefined && covers(gone, one))) {
      await rename(join(table, part.name), join(data, `gone-${part.name}`));
    }
  }
}

export function sumOf(figures: readonly Figures[]): Figures {
  const sum = (key: "runs" | "events" | "lost" | "doubled" | "changed" | "torn") =>
    figures.reduce((all, one) => all + one[key], 0);
  return {
    runs: sum("runs"),
    events: sum("events"),
    lost: sum("lost"),
    doubled: sum("doubled"),
    changed: sum("changed"),
    torn: sum("torn"),
    problems: figures.flatMap(({ problems }) => problems),
  };
}
