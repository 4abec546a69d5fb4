// Loaded before everything else (--import): Date tells the machine's time and as many milliseconds more as a file says.
import { readFileSync } from "node:fs";

/** How long what was read of the file is good for, in milliseconds. */
const REREAD_AFTER = 5;

const path = new URL(import.meta.url).searchParams.get("offset") ?? "";
const RealDate = Date;
let offset = 0;
let readAt = Number.NEGATIVE_INFINITY;

function now(): number {
  if (performance.now() - readAt >= REREAD_AFTER) {
    readAt = performance.now();
    const text = readFileSync(path, "utf8");
    // While it is written it may be empty for a moment.
    if (text !== "") offset = Number(text);
  }
  return RealDate.now() + offset;
}

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  apply: () => new RealDate(now()).toString(),
  get: (target, name, receiver) => (name === "now" ? now : (Reflect.get(target, name, receiver) as unknown)),
});
