import { readdirSync, readFileSync } from "node:fs";
import { KIB } from "../../src/units.ts";

/** Clock ticks of /proc a second: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS = 100;

/** CPU seconds that processes and their descendants have used, threads and ended children included. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of withDescendants(pids)) {
    const fields = statFields(pid);
    // utime, stime, and those of children that were waited for: proc(5), fields 14 to 17.
    for (const field of fields?.slice(11, 15) ?? []) ticks += Number(field);
  }
  return ticks / TICKS;
}

/** Bytes of memory that processes and their descendants hold. Pages that they share count for each. */
export function residentBytes(pids: readonly number[]): number {
  return sumStatus(pids, "VmRSS");
}

/** The most that each of them has held since its start. */
export function peakResidentBytes(pids: readonly number[]): number {
  return sumStatus(pids, "VmHWM");
}

function sumStatus(pids: readonly number[], field: string): number {
  let kibibytes = 0;
  for (const pid of withDescendants(pids)) {
    const line = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(read(`/proc/${pid}/status`) ?? "");
    kibibytes += Number(line?.[1] ?? 0);
  }
  return kibibytes * KIB;
}

function withDescendants(pids: readonly number[]): Set<number> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(statFields(pid)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = new Set<number>();
  const visit = (pid: number): void => {
    found.add(pid);
    for (const child of children.get(pid) ?? []) visit(child);
  };
  for (const pid of pids) visit(pid);
  return found;
}

/** From the state on, which is field 3: the name before it may hold anything. */
function statFields(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** Undefined when the process has gone. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
