/**
 * The limit for what is durable: one file, appends that wait together written and synced together, nothing else.
 * `node group-sync.ts <folder> <bytes of an append> <appends at once> <seconds> <warm-up>`, tells appends a second and CPU.
 */
import { open } from "node:fs/promises";
import { join } from "node:path";

const [folder = ".", bytes = 134, writers = 64, seconds = 3, warmup = 1] = [
  process.argv[2],
  ...process.argv.slice(3).map(Number),
];

const file = await open(join(folder, "appends"), "w");
const append = Buffer.alloc(bytes, "x");
let at = 0;
let count = 0;
const state = { stopped: false };
let waiting: (() => void)[] = [];

async function sync(): Promise<void> {
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    const buffers = group.map(() => append);
    const { bytesWritten } = await file.writev(buffers, at);
    at += bytesWritten;
    await file.datasync();
    count += group.length;
    for (const resolve of group) resolve();
    // Those who were told append again.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function writer(): Promise<void> {
  while (!state.stopped) await new Promise<void>((resolve) => waiting.push(resolve));
}

const writing = Array.from({ length: writers }, writer);
const syncing = sync();
await new Promise((resolve) => setTimeout(resolve, warmup * 1_000));
const before = { count, cpu: process.cpuUsage(), time: performance.now() };
await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
const elapsed = (performance.now() - before.time) / 1_000;
const cpu = process.cpuUsage(before.cpu);
const result = { appends: count - before.count, seconds: elapsed, cpu: (cpu.user + cpu.system) / 1e6 };
state.stopped = true;
await Promise.all(writing);
await syncing;
await file.close();
console.log(JSON.stringify(result));
