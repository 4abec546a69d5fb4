import { GIB, KIB, MIB, MINUTE, HOUR, DAY, SECOND } from "../../units.ts";

/** `1.5 GiB` */
export function showBytes(bytes: number): string {
  const [unit, factor] =
    bytes >= GIB ? ["GiB", GIB] : bytes >= MIB ? ["MiB", MIB] : bytes >= KIB ? ["KiB", KIB] : ["bytes", 1];
  const amount = bytes / factor;
  return `${factor === 1 || amount >= 100 ? Math.round(amount) : Number(amount.toFixed(1))} ${unit}`;
}

/** Milliseconds as `0.12 ms`, `35 s` or `3 hours`. */
export function showTime(milliseconds: number): string {
  if (milliseconds < SECOND) return `${Number(milliseconds.toPrecision(2))} ms`;
  if (milliseconds < MINUTE) return `${Number((milliseconds / SECOND).toPrecision(2))} s`;
  const [unit, length] =
    milliseconds >= DAY ? ["day", DAY] : milliseconds >= HOUR ? ["hour", HOUR] : ["minute", MINUTE];
  return plural(Math.floor(milliseconds / length), unit);
}

export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? noun : nouns}`;
}
