/**
 * Measures durable appends to the embedded log next to a bare loop of write + fdatasync on the same disk.
 * `node bench/log.ts [seconds per figure]`
 */
import { open, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { openEmbeddedLog } from "../src/log/embedded/embedded-log.ts";
import type { Log, NewBatch } from "../src/log/log.ts";
import { KIB, MIB, SECOND } from "../src/units.ts";

const SECONDS = Number(process.argv[2] ?? 3);
const WRITERS = 32;

interface Figure {
  readonly what: string;
  readonly perSecond: number;
  readonly mibPerSecond: number;
  readonly cpuMicroseconds: number;
  readonly p50: number;
  readonly p99: number;
}

/** Runs `work` from several writers side by side for a while. */
async function measure(
  what: string,
  bytes: number,
  writers: number,
  work: () => Promise<unknown>,
): Promise<Figure> {
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + SECONDS * SECOND;
  const writer = async (): Promise<void> => {
    while (performance.now() < end) {
      const start = performance.now();
      await work();
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  const seconds = (performance.now() - began) / SECOND;
  const used = process.cpuUsage(cpu);
  latencies.sort((left, right) => left - right);
  const at = (part: number): number => latencies[Math.floor(latencies.length * part)] ?? 0;
  return {
    what,
    perSecond: latencies.length / seconds,
    mibPerSecond: (latencies.length * bytes) / seconds / MIB,
    cpuMicroseconds: (used.user + used.system) / latencies.length,
    p50: at(0.5),
    p99: at(0.99),
  };
}

function batchOf(bytes: number, events: number): NewBatch {
  const line = Buffer.alloc(bytes, "x");
  line[bytes - 1] = 0x0a;
  return {
    acceptedAt: Date.now(),
    events: { count: events, bytes: [line] },
    rejected: { count: 0, bytes: [] },
  };
}

async function bare(folder: string, bytes: number, what: string): Promise<Figure> {
  const file = await open(join(folder, `bare-${bytes}`), "w");
  const buffer = Buffer.alloc(bytes, "x");
  let at = 0;
  try {
    return await measure(what, bytes, 1, async () => {
      await file.write(buffer, 0, bytes, at);
      at += bytes;
      await file.datasync();
    });
  } finally {
    await file.close();
    await rm(join(folder, `bare-${bytes}`));
  }
}

async function appends(log: Log, bytes: number, writers: number, what: string): Promise<Figure> {
  const batch = batchOf(bytes, Math.ceil(bytes / 300));
  return measure(what, bytes, writers, () => log.append("bench", batch));
}

async function readBack(log: Log): Promise<string> {
  let from = { log: "", offset: 0 };
  let bytes = 0;
  let batches = 0;
  const began = performance.now();
  for (;;) {
    const page = await log.read("bench", 0, from, { bytes: 16 * MIB, events: 1_000_000 });
    const last = page.at(-1);
    if (last === undefined) break;
    for (const batch of page) bytes += batch.events.bytes.length;
    batches += page.length;
    from = { log: last.log, offset: last.offset + last.events.count + last.rejected.count };
  }
  const seconds = (performance.now() - began) / SECOND;
  return `read back ${(bytes / MIB / seconds).toFixed(0)} MiB/s, ${(batches / seconds).toFixed(0)} batches/s`;
}

async function run(folder: string): Promise<void> {
  const open_ = (name: string): Promise<Log> =>
    openEmbeddedLog({
      folder: join(folder, name),
      streams: [{ name: "bench", schema: { fingerprint: "0", columns: [] } }],
    });
  const figures: Figure[] = [];
  figures.push(await bare(folder, 300, "bare write + fdatasync, 300 B"));
  let log = await open_("small");
  figures.push(await appends(log, 300, 1, "append 300 B, 1 writer"));
  figures.push(await appends(log, 300, WRITERS, `append 300 B, ${WRITERS} writers`));
  figures.push(await appends(log, 300, 256, "append 300 B, 256 writers"));
  const small = await readBack(log);
  await log.close();
  figures.push(await bare(folder, 9_600, "bare write + fdatasync, 32 × 300 B"));
  log = await open_("middle");
  figures.push(await appends(log, 128 * KIB, WRITERS, `append 128 KiB, ${WRITERS} writers`));
  await log.close();
  await rm(join(folder, "middle"), { recursive: true });
  figures.push(await bare(folder, MIB, "bare write + fdatasync, 1 MiB"));
  log = await open_("large");
  figures.push(await appends(log, MIB, 8, "append 1 MiB, 8 writers"));
  const large = await readBack(log);
  await log.close();
  figures.push(await bare(folder, 8 * MIB, "bare write + fdatasync, 8 MiB"));
  console.table(
    figures.map((figure) => ({
      what: figure.what,
      "per second": Math.round(figure.perSecond),
      "MiB/s": Math.round(figure.mibPerSecond),
      "CPU µs": Number(figure.cpuMicroseconds.toFixed(1)),
      "p50 ms": Number(figure.p50.toFixed(2)),
      "p99 ms": Number(figure.p99.toFixed(2)),
    })),
  );
  console.log(`300 B batches: ${small}; 1 MiB batches: ${large}`);
}

const folder = await mkdtemp(join(process.env["BENCH_FOLDER"] ?? ".", "bench-log-"));
try {
  await run(folder);
} finally {
  await rm(folder, { recursive: true });
}
