import type { LogExamination } from "../../log/embedded/salvage/examine-log.ts";
import type { Damage } from "../../log/embedded/salvage/scan-segment.ts";
import type { DataExamination, LedgerExamination, StreamExamination } from "../../compose-salvage.ts";
import type { Finding } from "./finding.ts";
import { plural } from "./show.ts";

/** Places of one log that are listed; of more the number is told. */
const DAMAGES_MAX = 20;

const SALVAGE =
  "Restore the file from a copy. Without one: `headrace doctor --salvage` saves what is whole, says what isn't, and keeps the damaged files.";

/** What is damaged in a data folder, what that means and what to do. */
export function damageFindings({ streams, ledgers, unfinished }: DataExamination): readonly Finding[] {
  return [
    ...unfinished.map(unfinishedFinding),
    ...streams.flatMap(logFindings),
    ...ledgers.flatMap(ledgerFinding),
  ];
}

function unfinishedFinding(stream: string): Finding {
  return {
    check: "log.salvage",
    state: "problem",
    found: `a salvage of the log of ${stream} was cut short`,
    meaning: "No server starts on this folder.",
    advice: "Run `headrace doctor --salvage` again.",
    values: { stream },
  };
}

function logFindings({ log, loaded }: StreamExamination): readonly Finding[] {
  const { refusal, damages, torn, lost, stream } = log;
  const meaning = meaningOf(log);
  const shown = damages.slice(0, DAMAGES_MAX).map((damage) => damageFinding(stream, damage, meaning));
  const more = damages.length - shown.length;
  const findings: Finding[] = [...shown];
  if (more > 0) {
    findings.push({
      check: "log.damage",
      state: "problem",
      found: `${plural(more, "more place")} of ${stream}`,
      meaning,
      advice: SALVAGE,
    });
  }
  // What a start says, where nothing of the files themselves explains it.
  if (refusal !== undefined && damages.length === 0) {
    findings.push({
      check: "log.damage",
      state: "problem",
      found: refusal.message,
      meaning,
      advice: SALVAGE,
      values: { stream },
    });
  }
  for (const range of lost) findings.push(lostFinding(stream, range, loaded));
  if (torn !== undefined) findings.push(tornFinding(stream, torn));
  return findings;
}

function meaningOf({ refusal }: LogExamination): string {
  return refusal === undefined
    ? "A server starts, and the loading of this stream stops where it comes to it (log_corrupt)."
    : "No server starts on this folder.";
}

function damageFinding(stream: string, { file, byte, bytes, what }: Damage, meaning: string): Finding {
  const where = bytes === 0 ? `at byte ${byte}` : `from byte ${byte} to ${byte + bytes}`;
  return {
    check: "log.damage",
    state: "problem",
    found: `${file} ${where}: ${what}`,
    meaning,
    advice: SALVAGE,
    values: { stream, file, byte, bytes },
  };
}

function lostFinding(stream: string, range: { from: number; to: number }, loaded: number): Finding {
  return {
    check: "log.lost",
    state: notLoaded(range, loaded) > 0 ? "problem" : "warning",
    found: `${stream}: ${lostText(range, loaded)}`,
    values: { stream, from_offset: range.from, to_offset: range.to, loaded_to_offset: loaded },
  };
}

/** `offsets 3 to 5 can't be read (3 events): loaded before, so the store has what came of them` */
export function lostText(
  { from, to }: { readonly from: number; readonly to: number },
  loaded: number,
): string {
  const gone = notLoaded({ from, to }, loaded);
  const stored = to - from - gone;
  const offsets = to - from === 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`;
  const what = `${offsets} can't be read (${plural(to - from, "event")})`;
  if (gone === 0) return `${what}: loaded before, so the store has what came of them`;
  if (stored === 0) return `${what}: not loaded yet`;
  return `${what}: ${stored} were loaded before, ${gone} weren't`;
}

/** How many of these offsets weren't loaded yet: their events are lost. */
export function notLoaded(
  { from, to }: { readonly from: number; readonly to: number },
  loaded: number,
): number {
  return Math.max(0, to - Math.max(from, loaded));
}

function tornFinding(stream: string, { file, byte, bytes }: Damage): Finding {
  return {
    check: "log.tail",
    state: "warning",
    found: `${file} ends with ${plural(bytes, "byte")} from byte ${byte} on that are no whole batch`,
    meaning:
      "A crash leaves that of a batch that wasn't acknowledged. Damage to the very last group looks the same.",
    advice: "Nothing: the next start cuts it off and begins a new log id.",
    values: { stream, file, byte, bytes },
  };
}

function ledgerFinding({ path, stream, state, damage }: LedgerExamination): readonly Finding[] {
  if (damage === undefined) {
    const values = { stream, loaded_to_offset: state?.loaded.offset ?? 0 };
    const found = `the ledger of ${stream}: loaded up to offset ${state?.loaded.offset ?? 0}`;
    return [{ check: "log.ledger", state: "ok", found, values }];
  }
  return [
    {
      check: "log.ledger",
      state: "problem",
      found: damage.message,
      meaning: `A server starts and takes events, and ${stream} isn't loaded.`,
      advice:
        "Restore it from a copy, or run `headrace doctor --salvage`: it is put aside, and what the store has is found out by asking it.",
      values: { stream, file: path },
    },
  ];
}
