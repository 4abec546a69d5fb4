import { spawn } from "node:child_process";
import { availableParallelism, totalmem } from "node:os";
import { threadPoolSize, type Config } from "../../config.ts";
import { messageOf } from "../../errors.ts";
import { MIB, SECOND } from "../../units.ts";
import type { Finding } from "./finding.ts";
import { plural, showBytes } from "./show.ts";
import { readSystemReport } from "./system-report.ts";

const ENGINE_TIMEOUT = 30 * SECOND;
/** Threads of libuv's pool beside the queries: the insert, the log's syncs, decompression, DNS. */
const OTHER_THREADS = 4;
/** What a process needs for itself beside the store, the bodies in flight and the cache. Bytes. */
const PROCESS_BYTES = 512 * MIB;

/** The machine, as far as no setting matters. */
export async function examineMachine(): Promise<readonly Finding[]> {
  const cores = availableParallelism();
  return [
    await examineEngine(),
    { check: "machine.node", state: "ok", found: `Node ${process.versions.node}` },
    cores > 1
      ? { check: "machine.cores", state: "ok", found: plural(cores, "core"), values: { cores } }
      : {
          check: "machine.cores",
          state: "warning",
          found: "1 core",
          meaning: "Ingest, inserts and queries share it: a long query slows ingest.",
          advice: "Give it two cores or more for anything but trying it out.",
          values: { cores },
        },
  ];
}

/** Memory and threads against what the settings ask for. */
export function examineResources(config: Config): readonly Finding[] {
  return [examineMemory(config), examineThreads(config)];
}

/** The engine is native code: that it loads and answers, in a process of its own, is the only proof that it runs here. */
async function examineEngine(): Promise<Finding> {
  const where = platformName();
  const meaning = "The embedded store can't run here, and without it no server starts.";
  const advice =
    "It needs Linux with glibc or macOS, on x64 or arm64, and the package chdb with its optional dependency @chdb/lib-…: " +
    "run `npm install` again in the project's folder.";
  try {
    const version = await askEngine();
    return {
      check: "machine.engine",
      state: "ok",
      found: `${where}, ClickHouse ${version} embedded`,
      values: { platform: process.platform, arch: process.arch, engine: version },
    };
  } catch (error) {
    return {
      check: "machine.engine",
      state: "problem",
      found: `${where}, ${messageOf(error)}`,
      meaning,
      advice,
    };
  }
}

function platformName(): string {
  const name = `${process.platform} ${process.arch}`;
  if (process.platform !== "linux") return name;
  const { glibc } = readSystemReport();
  return `${name}, ${glibc === undefined ? "no glibc" : `glibc ${glibc}`}`;
}

async function askEngine(): Promise<string> {
  const program =
    "const { query } = await import(process.argv[1]); process.stdout.write(String(query('SELECT version()', 'TSV')))";
  const child = spawn(
    process.execPath,
    ["--input-type=module", "--eval", program, import.meta.resolve("chdb")],
    { stdio: ["ignore", "pipe", "pipe"], timeout: ENGINE_TIMEOUT, killSignal: "SIGKILL" },
  );
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (output.stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (output.stderr += String(chunk)));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.on("error", reject);
  child.on("close", (code, signal) => {
    if (code === 0) return resolve(output.stdout.trim());
    const reason = /^\w*Error.*$/m.exec(output.stderr)?.[0] ?? `ended with ${signal ?? code}`;
    reject(new Error(`the engine doesn't load: ${reason}`));
  });
  return promise;
}

function examineMemory({ storeMemory, ingestInFlightMax, cacheSize }: Config): Finding {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const needed = storeMemory + ingestInFlightMax + cacheSize + PROCESS_BYTES;
  const found = `${showBytes(memory)} of memory, at most ${showBytes(needed)} needed`;
  const values = { memory_bytes: memory, needed_bytes: needed };
  if (needed <= memory) return { check: "machine.memory", state: "ok", found, values };
  return {
    check: "machine.memory",
    state: "warning",
    found,
    meaning: `HEADRACE_STORE_MEMORY (${showBytes(storeMemory)}) and the rest don't fit: under load the system ends the process.`,
    advice: "Set HEADRACE_STORE_MEMORY to about half of the memory, or give the machine more.",
    values,
  };
}

function examineThreads({ queriesMax }: Config): Finding {
  const threads = threadPoolSize();
  const needed = queriesMax + OTHER_THREADS;
  const values = { threads, needed };
  if (threads >= needed) {
    return {
      check: "machine.threads",
      state: "ok",
      found: `${plural(threads, "thread")} for queries and syncs`,
      values,
    };
  }
  return {
    check: "machine.threads",
    state: "warning",
    found: `UV_THREADPOOL_SIZE is ${threads}, and ${needed} are needed (HEADRACE_QUERIES_MAX ${queriesMax}, and ${OTHER_THREADS})`,
    meaning:
      "Queries, inserts and the log's syncs run on these threads: too few, and ingest waits for queries.",
    advice: `Unset UV_THREADPOOL_SIZE (16 is then taken), or set it to ${needed} or more.`,
    values,
  };
}
