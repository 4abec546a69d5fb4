import { cp, readdir, rm } from "node:fs/promises";
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
  { name: "the oldest part", apply: ({ data }) => removeParts(data, (parts) => parts.slice(0, 1)) },
  {
    name: "a part",
    apply: ({ data }, random) =>
      removeParts(data, (parts) => parts.slice(random.below(parts.length)).slice(0, 1)),
  },
  { name: "every part", apply: ({ data }) => removeParts(data, (parts) => parts) },
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

/** Losses of a run, one after the other on one data folder: the oldest part first, the others in any order. */
const COUNTS = { short: 3, full: 96 };
/** Batches that are answered before the first loss, and between two. */
const FIRST_BATCHES = 30;
const MORE_BATCHES = 15;

export const storeVanishes: Scenario = {
  group: "power loss",
  name: "a store that lost rows",
  what:
    "Between two runs of the server parts of the table vanish, one or all, or the store's folder, or store or ledger are older copies. " +
    "The next start must notice and load from the log what is missing, and nothing twice.",
  async run({ seed, scale, folder, progress, signal }) {
    const random = seededRandom(seed);
    const [data, older] = [join(folder, "data"), join(folder, "older")];
    const traffic = new Traffic(random);
    await withTraffic(data, traffic, FIRST_BATCHES);
    await cp(data, older, { recursive: true, verbatimSymlinks: true });
    await withTraffic(data, traffic, FIRST_BATCHES);
    const left: Loss[] = [];
    const problems: string[] = [];
    let judged: Omit<Figures, "runs"> | undefined;
    for (let done = 0; done < COUNTS[scale]; done++) {
      signal.throwIfAborted();
      if (left.length === 0) left.push(...LOSSES);
      const [loss] = left.splice(done === 0 ? 0 : random.below(left.length), 1);
      if (loss === undefined) break;
      await loss.apply({ data, older }, random);
      judged = await withTraffic(data, traffic, MORE_BATCHES);
      if (judged.problems.length > 0) {
        problems.push(...judged.problems.map((problem) => `after the loss of ${loss.name}: ${problem}`));
        break;
      }
      progress(done + 1, COUNTS[scale]);
    }
    if (judged === undefined) throw new Error("nothing was lost");
    return { ...judged, runs: COUNTS[scale], problems };
  },
};

/** A run of the server that takes so many batches more; then everything is compared. */
async function withTraffic(data: string, traffic: Traffic, batches: number): Promise<Omit<Figures, "runs">> {
  const server = await startServerProcess({ project: PROJECT, data });
  await send(server, traffic, batches);
  const judged = await judge(server.url, traffic.batches);
  await server.stop("SIGTERM");
  return judged;
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

interface Part {
  readonly name: string;
  readonly partition: string;
  /** The first and the last insert that are in it. */
  readonly min: number;
  readonly max: number;
}

/** Removes some of the parts of `plain` that no other covers, oldest first, with those that they cover: the engine would fall back on them. */
async function removeParts(data: string, choose: (parts: readonly Part[]) => readonly Part[]): Promise<void> {
  const root = join(data, "store/engine/data");
  const [database = ""] = (await readdir(root)).filter((name) => name !== "default" && name !== "system");
  const table = join(root, database, "plain");
  const parts = (await readdir(table)).flatMap((name): Part[] => {
    const [, partition, min, max] = /^(\w+?)_(\d+)_(\d+)_\d+$/.exec(name) ?? [];
    return partition === undefined ? [] : [{ name, partition, min: Number(min), max: Number(max) }];
  });
  const active = parts
    .filter((part) => !parts.some((other) => other.name !== part.name && covers(other, part)))
    .sort((left, right) => left.min - right.min);
  if (active.length === 0) throw new Error(`there is no part in ${table}`);
  for (const gone of choose(active)) {
    for (const part of parts.filter((one) => covers(gone, one))) {
      await rm(join(table, part.name), { recursive: true });
    }
  }
}

function covers(outer: Part, inner: Part): boolean {
  return outer.partition === inner.partition && outer.min <= inner.min && outer.max >= inner.max;
}
