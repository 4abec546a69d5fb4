import { execFile } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { EventMaker, send, type SentBatch } from "../../guarantees/oracle.ts";
import { seededRandom } from "../../support/random.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { addUp, NOTHING } from "../figures.ts";
import { judge } from "../judge.ts";
import type { Figures, Scenario } from "../scenario.ts";

const FIXTURES = join(import.meta.dirname, "../../fixtures");
/** However old the fixture is: retention must not take what is looked for. */
const ENV = { HEADRACE_REJECTED_RETENTION_AGE: "3650d", HEADRACE_LOG_RETENTION_AGE: "3650d" };

export const earlierFormat: Scenario = {
  group: "stop and start",
  name: "a data folder of an earlier version",
  what:
    "Each data folder in test/fixtures, written by an earlier version that was killed with events that were not loaded yet, is opened: all that " +
    "was sent to it must be there, new events are taken, and after another start all of it is still there.",
  async run({ seed, folder, progress }) {
    const names = (await readdir(FIXTURES)).filter((name) => name.startsWith("data-folder-")).sort();
    let figures: Figures = NOTHING;
    for (const [index, name] of names.entries()) {
      const parent = join(folder, name);
      await mkdir(parent);
      await promisify(execFile)("tar", ["-xzf", join(FIXTURES, name, "folder.tar.gz"), "-C", parent]);
      figures = addUp(figures, await openTwice(join(FIXTURES, name), parent, seed));
      progress(index + 1, names.length);
    }
    return { ...figures, note: names.join(", ") };
  },
};

async function openTwice(project: string, parent: string, seed: number): Promise<Figures> {
  const sent = JSON.parse(await readFile(join(parent, "sent.json"), "utf8")) as SentBatch[];
  const maker = new EventMaker(seededRandom(seed), { first: 1_000_000 });
  const start = { project, data: join(parent, "data"), env: ENV };
  const first = await startServerProcess(start);
  const found = await judge(first.url, sent);
  for (const stream of ["plain", "unique"]) {
    const batch = maker.batch(stream, "a later version", false);
    sent.push(batch);
    await send(first.url, batch, "?wait=stored");
  }
  await first.stop("SIGTERM");
  const second = await startServerProcess(start);
  const stillFound = await judge(second.url, sent);
  await second.stop("SIGKILL");
  return { ...addUp({ ...found, runs: 1 }, { ...stillFound, runs: 0 }), events: stillFound.events };
}
