import { appendFile, cp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { EventMaker, send, withoutBad, type SentBatch } from "../../guarantees/oracle.ts";
import { seededRandom } from "../../support/random.ts";
import { EndedEarly, startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { addUp, NOTHING } from "../figures.ts";
import { judge } from "../judge.ts";
import { PROJECT } from "../kill-rounds.ts";
import type { FaultContext, Figures, Scenario } from "../scenario.ts";
import { callsIn, CHANGING_CALLS, killingAt, ONE_THREAD, recording, type Call } from "../strace.ts";

/** So small that a few batches begin segments, close them and let retention drop the first. */
const ENV = { HEADRACE_LOG_SEGMENT_SIZE: "512KiB", HEADRACE_LOG_RETENTION_SIZE: "1MiB", ...ONE_THREAD };
const BATCH_BYTES = 400_000;

export const killSweep: Scenario = {
  group: "kill",
  name: "kill -9 at every system call of the log and the ledger",
  what:
    "strace kills the server as it is about to make the n-th write, sync, rename, create, truncate or unlink in the folders " +
    "of the log and the ledger, for each of these calls and each n until there is no n-th: from the first start over appends, " +
    "new segments, closed ones and retention to loading; and again in a start that finds a torn log and an open plan in the ledger.",
  needs: ["strace"],
  async run(context) {
    const isShort = context.scale === "short";
    const stories = [firstStory(context), await recoveryStory(context)];
    const places: Place[] = [];
    for (const story of stories) places.push(...(await rehearse(story)));
    if (places.length === 0) throw new Error("the rehearsal saw no call of the log or the ledger");
    const random = seededRandom(context.seed);
    const anyOf = (some: readonly Place[]) => some.slice(random.below(some.length)).slice(0, 1);
    // Where a new file has its name and not its content is rare, and the worst: one of the two is sought there.
    const headers = places.filter(({ call }) => call === "pwrite64");
    const wanted = isShort ? [...anyOf(places), ...anyOf(headers)] : places;
    let figures: Figures = NOTHING;
    let missed = 0;
    for (const [index, place] of wanted.entries()) {
      const found = await sweep(context, place);
      figures = addUp(figures, found);
      if (found.runs === 0) missed += 1;
      context.progress(index + 1, wanted.length);
    }
    const problem = `${missed} of ${wanted.length} calls didn't come again`;
    return {
      ...figures,
      problems: [...figures.problems, ...(missed > wanted.length / 10 ? [problem] : [])],
      note: `${places.length} calls${missed === 0 ? "" : `; ${problem}`}`,
    };
  },
};

/** Kills at a place, and behind the last of the rehearsal as long as there are more. */
async function sweep({ signal, scale }: FaultContext, place: Place): Promise<Figures> {
  let figures: Figures = NOTHING;
  for (let { nth } = place; ; nth += 1) {
    signal.throwIfAborted();
    const found = await killThere({ ...place, nth });
    if (found === undefined) return figures;
    figures = addUp(figures, found);
    if (!place.isLast || scale === "short") return figures;
  }
}

/** What a server lives through until it is killed. */
interface Story {
  readonly folder: string;
  /** Puts the data folder where it begins, and says what was sent to it before. */
  begin(data: string): Promise<readonly SentBatch[]>;
  /** What is sent, one after the other, each stored before the next. The same each time. */
  batches(): readonly SentBatch[];
}

interface Place {
  readonly story: Story;
  readonly call: Call;
  /** Which of these calls on these paths; the first is 1. */
  readonly nth: number;
  readonly isLast: boolean;
  /** The call's arguments in the rehearsal, as strace shows them: the beginning of what was written. */
  readonly args: string;
  /** Of the log and the ledger, all that the story touches. */
  readonly paths: readonly string[];
}

function firstStory({ folder, seed }: FaultContext): Story {
  return {
    folder,
    begin: () => Promise.resolve([]),
    batches: () => {
      const maker = new EventMaker(seededRandom(seed), { batchBytes: BATCH_BYTES });
      return [
        maker.batch("plain", "keyed", true),
        withoutBad(maker.batch("unique", "ids", false)),
        maker.batch("plain", "without a key", false),
        maker.batch("plain", "keyed", true),
        maker.batch("plain", "without a key", false),
        withoutBad(maker.batch("unique", "ids", true)),
      ];
    },
  };
}

function threeBatches(maker: EventMaker): SentBatch[] {
  return Array.from({ length: 3 }, () => maker.batch("plain", "keyed", true));
}

/** The ledger's line after an insert, as strace shows its beginning. */
const LINE_AFTER_INSERT = /"[0-9a-f]{8} \{\\"kind\\":\\"loaded/;

/** Begins with what a kill left: an insert that is done and not in the ledger yet, and the beginning of a record. */
async function recoveryStory(context: FaultContext): Promise<Story> {
  const { folder, seed } = context;
  const maker = () => new EventMaker(seededRandom(seed + 1));
  const earlier: Story = {
    folder,
    begin: () => Promise.resolve([]),
    batches: () => threeBatches(maker()),
  };
  const places = await rehearse(earlier);
  const place = places.filter(({ args }) => LINE_AFTER_INSERT.test(args))[1];
  const sent = place === undefined ? undefined : await liveUntil(place);
  if (sent === undefined) throw new Error("no kill between an insert and its line in the ledger");
  const torn = join(folder, "torn");
  await rename(join(folder, "data"), torn);
  // Named pipes, which can't be copied; a start clears them away.
  await rm(join(torn, "store/tmp"), { recursive: true, force: true });
  const [segment = ""] = (await readdir(join(torn, "log/plain"))).filter((name) => name.endsWith(".log"));
  await appendFile(join(torn, "log/plain", segment), Buffer.alloc(100, "HR"));
  return {
    folder,
    begin: async (data) => {
      await cp(torn, data, { recursive: true });
      return sent.map((batch) => ({ ...batch }));
    },
    batches: () => {
      const later = maker();
      threeBatches(later);
      return threeBatches(later).slice(0, 1);
    },
  };
}

/** Lives the story once to the end, and says at which calls it could have been killed. */
async function rehearse(story: Story): Promise<Place[]> {
  const data = join(story.folder, "data");
  const recorded = join(story.folder, "calls.txt");
  await rm(data, { recursive: true, force: true });
  await story.begin(data);
  await live({ data, under: recording(recorded), batches: story.batches() });
  const { calls, paths } = callsIn(await readFile(recorded, "utf8"), [
    join(data, "log"),
    join(data, "ledger"),
  ]);
  return CHANGING_CALLS.flatMap((call) => {
    const each = calls.get(call) ?? [];
    return each.map((args, index) => {
      return { story, call, nth: index + 1, isLast: index + 1 === each.length, args, paths };
    });
  });
}

/** Lives the story until the kill, and resolves with what was sent in all; undefined when the call never came. */
async function liveUntil({ story, call, nth, paths }: Place): Promise<readonly SentBatch[] | undefined> {
  const data = join(story.folder, "data");
  await rm(data, { recursive: true, force: true });
  const before = await story.begin(data);
  const batches = story.batches();
  const isKilled = await live({ data, under: killingAt(call, nth, paths), batches });
  return isKilled ? [...before, ...batches.filter(({ attempts }) => attempts > 0)] : undefined;
}

/** Kills there, starts again, sends again what may be sent again, and judges; undefined when the call never came. */
async function killThere(place: Place): Promise<Figures | undefined> {
  const sent = await liveUntil(place);
  if (sent === undefined) return undefined;
  const data = join(place.story.folder, "data");
  const where = `killed at ${place.call} number ${place.nth}`;
  let server: ServerProcess;
  try {
    server = await startServerProcess({ project: PROJECT, data, env: ENV_AFTERWARDS });
  } catch (error) {
    if (!(error instanceof EndedEarly)) throw error;
    return { ...NOTHING, runs: 1, problems: [`${where}: the next start failed: ${error.message}`] };
  }
  try {
    for (const batch of sent) {
      if (batch.key !== undefined || batch.stream === "unique") await send(server.url, batch, "?wait=stored");
    }
    const judged = await judge(server.url, sent);
    return { ...judged, problems: judged.problems.map((problem) => `${where}: ${problem}`), runs: 1 };
  } finally {
    await server.stop("SIGKILL");
  }
}

const ENV_AFTERWARDS = { ...ENV, UV_THREADPOOL_SIZE: "16" };

/** Starts a server, sends what there is to send until it is killed, and otherwise stops it. Resolves with whether it was killed. */
async function live(life: {
  readonly data: string;
  readonly under: readonly string[];
  readonly batches: readonly SentBatch[];
}): Promise<boolean> {
  const { data, under, batches } = life;
  let server: ServerProcess;
  try {
    server = await startServerProcess({ project: PROJECT, data, env: ENV, under });
  } catch (error) {
    if (error instanceof EndedEarly && error.code === null) return true;
    throw error;
  }
  for (const batch of batches) {
    await send(server.url, batch, "?wait=stored");
    if (batch.outcome === "unanswered") break;
  }
  return (await server.stop("SIGTERM")) === null;
}
