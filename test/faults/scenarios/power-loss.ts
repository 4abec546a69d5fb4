import { Story } from "../../log/embedded/story.ts";
import { seededRandom } from "../../support/random.ts";
import { SimulatedDisk } from "../../support/simulated-disk.ts";
import { openTestStore } from "../../support/test-store.ts";
import {
  addFindings,
  eventsOf,
  judgePath,
  openPath,
  PathWriter,
  settledPath,
  storeUnderPower,
  STREAMS,
  type PathFindings,
  type PathLife,
} from "../disk/path-world.ts";
import type { Scenario } from "../scenario.ts";

const LOG_STORIES = { short: 15, full: 3_000 };

export const powerLossOfTheLog: Scenario = {
  group: "power loss",
  name: "power loss under the log",
  what:
    "On a simulated disk that forgets what wasn't synced, tears writes by sectors and reorders them, four writers append and a " +
    "reader commits until the power fails at a random call; at some calls the disk is full or fails first. What any reader ever saw, " +
    "and every answer, must hold after each of six restarts.",
  async run({ seed, scale, progress, signal }) {
    const random = seededRandom(seed);
    const stories = LOG_STORIES[scale];
    const problems: string[] = [];
    let events = 0;
    for (let done = 0; done < stories; done++) {
      signal.throwIfAborted();
      const own = random.below(2 ** 31);
      try {
        events += (await new Story(own).run()).events;
      } catch (error) {
        problems.push(`story ${own}: ${error instanceof Error ? error.message : String(error)}`);
      }
      progress(done + 1, stories);
    }
    return { runs: stories * 6, events, lost: 0, doubled: 0, changed: 0, torn: 0, problems };
  },
};

const PATH_STORIES = { short: 3, full: 150 };
const LIVES = 3;
const WRITERS = 3;
/** Calls of a life that the disk answers, at least and beyond. */
const CALLS_MIN = 10;
const CALLS_MORE = 250;

export const powerLossOfThePath: Scenario = {
  group: "power loss",
  name: "power loss under log, ledger and loader, with the real engine",
  what:
    "The same disk under the log and the ledger, with the loader and the real engine above them: the power fails at a random call of " +
    "either, and an insert that is under way then is in the store, in part, or not. After each restart everything is loaded and compared.",
  async run({ seed, scale, progress, signal }) {
    const random = seededRandom(seed);
    const opened = await openTestStore(STREAMS);
    const { store } = opened;
    const writer = new PathWriter(random);
    const stories = PATH_STORIES[scale];
    const findings: PathFindings = { lost: 0, doubled: 0, changed: 0, torn: 0, problems: [] };
    let [recoveries, events] = [0, 0];
    try {
      for (let done = 0; done < stories; done++) {
        const disk = new SimulatedDisk(random.below(2 ** 31));
        for (let life = 0; life < LIVES; life++) {
          signal.throwIfAborted();
          const end = disk.calls + CALLS_MIN + random.below(CALLS_MORE);
          let isOn = true;
          disk.fault = ({ index }) => {
            if (index < end) return undefined;
            isOn = false;
            return "power";
          };
          await liveUntilPowerFails(
            () =>
              openPath(
                disk,
                storeUnderPower(store, () => isOn, random),
              ),
            writer,
            () => isOn,
          );
          disk.powerOff();
          disk.powerOn();
          disk.fault = () => undefined;
          const path = await openPath(disk, store);
          await path.loader.start();
          await settledPath(path);
          await path.stop();
          recoveries += 1;
        }
        const batches = writer.batches.splice(0);
        events += eventsOf(batches);
        addFindings(findings, await judgePath(store, batches));
        progress(done + 1, stories);
      }
    } finally {
      await opened.destroy();
    }
    return { ...findings, runs: recoveries, events };
  },
};

/** Writers append and the loader loads until the disk has no power. */
async function liveUntilPowerFails(
  open: () => Promise<PathLife>,
  writer: PathWriter,
  isOn: () => boolean,
): Promise<void> {
  let path: PathLife;
  try {
    path = await open();
  } catch (error) {
    if (!isOn()) return;
    throw error;
  }
  const loading = path.loader.start();
  const writing = Array.from({ length: WRITERS }, async (_, index) => {
    const stream = index === 0 ? "unique" : "plain";
    while (isOn()) {
      const batch = writer.make(stream);
      if (!(await writer.append(path.log, batch))) return;
      // A producer that sends its events a second time.
      if (stream === "unique" && !(await writer.append(path.log, batch))) return;
    }
  });
  await Promise.all(writing);
  await path.stop();
  await loading;
}
