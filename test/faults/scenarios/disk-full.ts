import { execFile } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { MIB, SECOND } from "../../../src/units.ts";
import { send, type SentBatch } from "../../guarantees/oracle.ts";
import { EventMaker } from "../../guarantees/oracle.ts";
import { seededRandom } from "../../support/random.ts";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { isAcknowledged, judge } from "../judge.ts";
import type { Scenario } from "../scenario.ts";

const run = promisify(execFile);
const PROJECT = join(import.meta.dirname, "../../guarantees/kill-project");

/** A part of the data folder that gets a small disk of its own. */
interface Place {
  readonly part: "" | "log" | "ledger" | "store";
  readonly bytes: number;
  /** Whether a full disk there stops ingest, or only loading. */
  readonly stops: "ingest" | "loading";
}

const PLACES: readonly Place[] = [
  { part: "log", bytes: 4 * MIB, stops: "ingest" },
  { part: "ledger", bytes: MIB, stops: "loading" },
  { part: "store", bytes: 64 * MIB, stops: "loading" },
  { part: "", bytes: 96 * MIB, stops: "ingest" },
];
/** How many of them, from the first on. */
const PLACE_COUNTS = { short: 3, full: PLACES.length };
const ROUNDS = { short: 1, full: 15 };
/** How long a server may take to find out that there is space again. */
const RESUME_DEADLINE = 30 * SECOND;

export const diskFull: Scenario = {
  group: "disk",
  name: "a full disk that gets space again",
  what:
    "The log, the ledger, the store or all of them are on a small tmpfs that is filled up under load and freed again. Ingest must answer 503 " +
    "log_full, or go on while loading waits, /readyz must say why, and all must resume by itself.",
  needs: ["tmpfs"],
  async run({ seed, scale, folder, progress, signal }) {
    const maker = new EventMaker(seededRandom(seed));
    const batches: SentBatch[] = [];
    const problems: string[] = [];
    const sums = { events: 0, lost: 0, doubled: 0, changed: 0, torn: 0 };
    const places = PLACES.slice(0, PLACE_COUNTS[scale]);
    const total = ROUNDS[scale] * places.length;
    let [done, slowest] = [0, 0];
    for (const place of places) {
      const data = join(folder, `data-${place.part}`);
      const mounted = join(data, place.part);
      await mkdir(mounted, { recursive: true });
      await run("mount", ["-t", "tmpfs", "-o", `size=${place.bytes},mode=700`, "tmpfs", mounted]);
      try {
        const server = await startServerProcess({ project: PROJECT, data });
        for (let round = 0; round < ROUNDS[scale]; round++) {
          signal.throwIfAborted();
          const outcome = await fillAndFree(server, { place, mounted, maker, batches });
          problems.push(...outcome.problems.map((problem) => `${place.part || "all"}: ${problem}`));
          slowest = Math.max(slowest, outcome.resumed);
          progress((done += 1), total);
        }
        const judged = await judge(server.url, batches.splice(0));
        problems.push(...judged.problems);
        for (const key of ["events", "lost", "doubled", "changed", "torn"] as const) sums[key] += judged[key];
        await server.stop("SIGTERM");
      } finally {
        await run("umount", ["-l", mounted]);
      }
      await rm(data, { recursive: true, force: true });
    }
    const note = `everything went on at most ${(slowest / SECOND).toFixed(1)} s after there was space`;
    return { ...sums, runs: total, problems, note };
  },
};

interface Filling {
  readonly place: Place;
  readonly mounted: string;
  readonly maker: EventMaker;
  readonly batches: SentBatch[];
}

/** Fills the disk while batches are sent, sees what the server says of it, frees the disk, and waits until all is well. */
async function fillAndFree(
  { url }: ServerProcess,
  { place, mounted, maker, batches }: Filling,
): Promise<{ problems: string[]; resumed: number }> {
  const problems: string[] = [];
  const sendOne = async (): Promise<SentBatch> => {
    const batch = maker.batch("plain", "w", false);
    batches.push(batch);
    await send(url, batch);
    return batch;
  };
  for (let n = 0; n < 5; n++) await sendOne();
  const ballast = join(mounted, "ballast");
  await fill(ballast);
  if (place.stops === "ingest") {
    let refused: SentBatch | undefined;
    await until(
      async () => {
        const batch = await sendOne();
        if (!isAcknowledged(batch)) refused = batch;
        return refused !== undefined;
      },
      { timeout: RESUME_DEADLINE },
    );
    if (refused?.outcome !== 503) problems.push(`a full disk was answered with ${refused?.outcome}`);
    const { status, text } = await readiness(url);
    if (status !== 503 || !text.includes("the disk is full")) problems.push(`/readyz said ${status} ${text}`);
  } else {
    let said = "";
    await until(
      async () => {
        // What is in the file's last page already has its space.
        const { outcome } = await sendOne();
        if (outcome !== 202) problems.push(`ingest answered ${outcome} while only loading had no space`);
        said = (await readiness(url)).text;
        return /"state":"retrying"[^}]*"reason":"[^"]/.test(said);
      },
      { timeout: RESUME_DEADLINE },
    ).catch(() => problems.push(`/readyz didn't say that loading waits: ${said}`));
  }
  await rm(ballast);
  const freed = performance.now();
  // Nothing is sent meanwhile: a balancer that goes by /readyz wouldn't.
  await until(
    async () => {
      const { status, text } = await readiness(url);
      return status === 200 && !text.includes('"retrying"') && /"plain".*?"lag_events":0/.test(text);
    },
    { timeout: RESUME_DEADLINE },
  ).catch(async () => problems.push(`it didn't go on: ${(await readiness(url)).text}`));
  const resumed = performance.now() - freed;
  const { outcome } = await sendOne();
  if (outcome !== 202) problems.push(`with space again a batch was answered with ${outcome}`);
  return { problems, resumed };
}

async function readiness(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, text: await response.text() };
}

/** Writes until nothing more fits, in ever smaller pieces. */
async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (let bytes = MIB; bytes >= 1;) {
      const written = await file.write(Buffer.alloc(bytes)).then(
        ({ bytesWritten }) => bytesWritten,
        (error: unknown) => {
          if (error instanceof Error && "code" in error && error.code === "ENOSPC") return 0;
          throw error;
        },
      );
      if (written < bytes) bytes >>= 1;
    }
  } finally {
    await file.close();
  }
}
