import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../src/errors.ts";
import { realFileSystem, type File, type FileSystem } from "../../../src/file-system.ts";
import { SECOND } from "../../../src/units.ts";
import { join } from "node:path";
import type { Store } from "../../../src/store/store.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { SimulatedDisk, type Fault } from "../../support/simulated-disk.ts";
import { openTestStore } from "../../support/test-store.ts";
import {
  addFindings,
  eventsOf,
  judgePath,
  openPath,
  PathWriter,
  settledPath,
  STREAMS,
  type PathFindings,
} from "../disk/path-world.ts";
import type { Scenario } from "../scenario.ts";

/** What is injected at a call: once, or from there on for some calls. */
const KINDS = [
  { name: "EIO", code: "EIO", calls: 1 },
  { name: "ENOSPC", code: "ENOSPC", calls: 1 },
  { name: "ENOSPC for a while", code: "ENOSPC", calls: 12 },
  { name: "a short write", code: undefined, calls: 1 },
] as const;
type Kind = (typeof KINDS)[number];

const BATCHES = 4;
/** Every so manieth call of the script meets each kind of fault. */
const STRIDES = { short: 67, full: 1 };

export const diskErrors: Scenario = {
  group: "disk",
  name: "an error at every call to the disk",
  what:
    "A script appends, loads and restarts on a simulated disk, once for each of its calls and kind of fault: EIO (after which a sync succeeds " +
    "without the bytes), a full disk for one call or twelve, a short write; under log and ledger, with the real engine. A log that " +
    "failed is opened again; everything else goes on by itself. Then the power fails too.",
  async run({ seed, scale, progress, signal }) {
    const random = seededRandom(seed);
    const opened = await openTestStore(STREAMS);
    const { store } = opened;
    const writer = new PathWriter(random);
    const sums: PathFindings = { lost: 0, doubled: 0, changed: 0, torn: 0, problems: [] };
    let [runs, events, calls] = [0, 0, Infinity];
    try {
      calls = (await runScript(store, writer, random, undefined)).calls;
      const first = random.below(STRIDES[scale]);
      for (let at = first; at < calls; at += STRIDES[scale]) {
        for (const kind of KINDS) {
          signal.throwIfAborted();
          const outcome = await runScript(store, writer, random, { at, kind }).catch((cause: unknown) => {
            throw new Error(`${kind.name} at call ${at}: ${messageOf(cause)}`, { cause });
          });
          addFindings(sums, {
            ...outcome.findings,
            problems: outcome.findings.problems.map((problem) => `${kind.name} at call ${at}: ${problem}`),
          });
          events += outcome.events;
          runs += 1;
        }
        progress(at, calls);
      }
    } finally {
      await opened.destroy();
    }
    return { ...sums, runs, events, note: `the script makes ${calls} calls to the disk` };
  },
};

async function runScript(
  store: Store,
  writer: PathWriter,
  random: Random,
  injected: { readonly at: number; readonly kind: Kind } | undefined,
): Promise<{ calls: number; findings: PathFindings; events: number }> {
  const disk = new SimulatedDisk(random.below(2 ** 31));
  if (injected !== undefined) disk.fault = faultAt(injected.at, injected.kind);
  let calls = 0;
  for (let life = 0; life < 2; life++) {
    let path = await openPath(disk, store).catch(() => undefined);
    // A start that met the fault is tried again, as a supervisor does.
    for (let tries = 0; path === undefined && tries < KINDS.length * 12; tries++) {
      disk.restartProcess();
      path = await openPath(disk, store).catch(() => undefined);
    }
    if (path === undefined) throw new Error("it can't be opened any more");
    await path.loader.start();
    for (let n = 0; n < BATCHES; n++) {
      const [plain, unique] = [writer.make("plain"), writer.make("unique")];
      await Promise.all([writer.append(path.log, plain), writer.append(path.log, unique)]);
    }
    const { log } = path;
    const isBroken = STREAMS.some(({ name }) => {
      const { reason } = log.status(name, 0);
      return reason !== undefined && !reason.startsWith("the disk is full");
    });
    if (!isBroken) await settledPath(path);
    await path.stop();
    calls = disk.calls;
    // The first life ends as a process does, the second with the machine.
    if (life === 0) disk.restartProcess();
  }
  disk.fault = () => undefined;
  disk.powerOff();
  disk.powerOn();
  const last = await openPath(disk, store);
  await last.loader.start();
  await settledPath(last);
  await last.stop();
  const batches = writer.batches.splice(0);
  return { calls, findings: await judgePath(store, batches), events: eventsOf(batches) };
}

function faultAt(at: number, { code, calls }: Kind): Fault {
  return ({ index, name, bytes }) => {
    if (index < at || index >= at + calls) return undefined;
    if (code === undefined) return name === "write" && bytes > 1 ? Math.ceil(bytes / 2) : undefined;
    // A full disk can still be read and truncated.
    const needsSpace = name === "write" || name === "open" || name === "rename" || name === "sync";
    return code === "ENOSPC" && !needsSpace ? undefined : code;
  };
}

const SYNC_DELAY = 200;
const SLOW_WRITERS = 40;
const SLOW_BATCHES = { short: 2, full: 100 };
/** What an answer may wait for: a sync that is under way, its own, and what a busy machine adds. */
const ANSWER_MAX = 10 * SYNC_DELAY;

export const slowDisk: Scenario = {
  group: "disk",
  name: "a disk whose syncs take 200 ms",
  what:
    "Forty writers append while every sync of log and ledger takes 200 ms longer: batches share syncs, so that none waits for long, all are " +
    "acknowledged and loaded.",
  async run({ seed, scale, folder, progress, signal }) {
    const random = seededRandom(seed);
    const opened = await openTestStore(STREAMS);
    const { store } = opened;
    try {
      const folders = { log: join(folder, "log"), ledger: join(folder, "ledger") };
      const path = await openPath(withSlowSyncs(realFileSystem), store, folders);
      await path.loader.start();
      const writer = new PathWriter(random);
      let [longest, done] = [0, 0];
      const total = SLOW_WRITERS * SLOW_BATCHES[scale];
      const began = performance.now();
      await Promise.all(
        Array.from({ length: SLOW_WRITERS }, async () => {
          for (let n = 0; n < SLOW_BATCHES[scale]; n++) {
            signal.throwIfAborted();
            const from = performance.now();
            await writer.append(path.log, writer.make("plain"));
            longest = Math.max(longest, performance.now() - from);
            progress((done += 1), total);
          }
        }),
      );
      const seconds = (performance.now() - began) / SECOND;
      await settledPath(path);
      await path.stop();
      const findings = await judgePath(store, writer.batches);
      const unanswered = writer.batches.filter(({ outcome }) => outcome !== "acknowledged").length;
      if (unanswered > 0) findings.problems.push(`${unanswered} batches weren't acknowledged`);
      if (longest > ANSWER_MAX) findings.problems.push(`an answer took ${Math.round(longest)} ms`);
      const note = `${Math.round(total / seconds)} batches a second; the longest answer took ${Math.round(longest)} ms`;
      return { ...findings, runs: total, events: eventsOf(writer.batches), note };
    } finally {
      await opened.destroy();
    }
  },
};

function withSlowSyncs(fileSystem: FileSystem): FileSystem {
  return {
    ...fileSystem,
    open: async (path, mode): Promise<File> => {
      const file = await fileSystem.open(path, mode);
      return {
        ...file,
        sync: async () => {
          await sleep(SYNC_DELAY);
          await file.sync();
        },
      };
    },
  };
}
