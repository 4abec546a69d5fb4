import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { HeadraceError } from "./errors.ts";
import { errorCode, realFileSystem } from "./file-system.ts";
import { createLineJudge } from "./load/judge-line.ts";
import { openLedger } from "./load/ledger.ts";
import { ledgerFile } from "./load/ledger-file.ts";
import type { LedgerState } from "./load/ledger-state.ts";
import type { Position } from "./log/log.ts";
import { examineLog, type LogExamination } from "./log/embedded/salvage/examine-log.ts";
import { salvageLog, type Salvaged } from "./log/embedded/salvage/salvage-log.ts";
import { DAMAGED_INFIX, SALVAGE_SUFFIX } from "./log/embedded/unfinished-salvage.ts";
import type { Stream } from "./project/declarations.ts";

/** The parts of a data folder that a crash never damages, as far as they can be read. */
export interface DataExamination {
  readonly streams: readonly StreamExamination[];
  readonly ledgers: readonly LedgerExamination[];
  /** Streams of which a salvage was cut short. */
  readonly unfinished: readonly string[];
}

export interface StreamExamination {
  readonly log: LogExamination;
  /** Everything before it is in the store, as far as that is known. */
  readonly loaded: number;
}

export interface LedgerExamination {
  readonly path: string;
  readonly stream: string;
  readonly state: LedgerState | undefined;
  /** Why it can't be read. */
  readonly damage: HeadraceError | undefined;
}

export interface DataFolders {
  readonly logs: string;
  readonly ledgers: string;
}

/** Reads all of it and changes nothing. No server may be running. */
export async function examineDamage({ logs, ledgers }: DataFolders): Promise<DataExamination> {
  const names = await listFolder(logs);
  const known: LedgerExamination[] = [];
  for (const name of (await listFolder(ledgers)).sort()) {
    const [, stream] = LEDGER_NAME.exec(name) ?? [];
    if (stream !== undefined) known.push(await examineLedger(join(ledgers, name), stream));
  }
  const streams: StreamExamination[] = [];
  for (const name of names.filter((one) => !one.includes(".")).sort()) {
    const log = await examineLog(realFileSystem, name, join(logs, name));
    streams.push({ log, loaded: loadedOf(log, known.find(({ stream }) => stream === name)?.state) });
  }
  const unfinished = names
    .filter((name) => name.endsWith(SALVAGE_SUFFIX))
    .map((name) => name.slice(0, -SALVAGE_SUFFIX.length));
  return { streams, ledgers: known, unfinished };
}

/** Whether a salvage has anything to do with a log. */
export function isDamaged({ refusal, damages }: LogExamination): boolean {
  return refusal !== undefined || damages.length > 0;
}

export interface FolderSalvage {
  readonly streams: readonly StreamSalvage[];
  /** Ledgers that were put aside: what is in the store is found out by asking it. */
  readonly ledgers: readonly { readonly path: string; readonly aside: string; readonly reason: string }[];
}

export interface StreamSalvage extends Salvaged {
  readonly stream: string;
  readonly loaded: number;
}

export interface SalvageInput extends DataFolders {
  readonly streams: readonly Stream[];
  readonly now: Date;
}

/** Makes what is damaged healthy, keeping what was there beside it. The data folder must be locked. */
export async function salvageData(input: SalvageInput): Promise<FolderSalvage> {
  const mark = input.now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const found = await examineDamage(input);
  const wanted = new Set([
    ...found.unfinished,
    ...found.streams.filter(({ log }) => isDamaged(log)).map(({ log }) => log.stream),
  ]);
  const streams: StreamSalvage[] = [];
  for (const stream of wanted) {
    const ledger = found.ledgers.find((one) => one.stream === stream)?.state;
    const salvaged = await salvageLog({
      stream,
      folder: join(input.logs, stream),
      assumption: {
        ...judgeOf(input.streams.find(({ name }) => name === stream)),
        positions: positionsOf(ledger),
      },
      mark,
    });
    streams.push({ ...salvaged, stream, loaded: loadedOf(salvaged.examination, ledger) });
  }
  const ledgers: { path: string; aside: string; reason: string }[] = [];
  for (const { path, damage } of found.ledgers) {
    if (damage === undefined) continue;
    const aside = `${path}${DAMAGED_INFIX}${mark}`;
    await rename(path, aside);
    await realFileSystem.syncFolder(input.ledgers);
    ledgers.push({ path, aside, reason: damage.message });
  }
  return { streams, ledgers };
}

/** Of a stream that isn't declared any more nothing can be said without its segment's header. */
function judgeOf(stream: Stream | undefined) {
  if (stream === undefined) return { schema: { fingerprint: "", columns: [] }, accepts: () => false };
  return { schema: stream.schema, accepts: createLineJudge(stream) };
}

function positionsOf(ledger: LedgerState | undefined): Position[] {
  if (ledger === undefined) return [];
  const { loaded, plan } = ledger;
  return plan === undefined ? [loaded] : [loaded, { log: plan.log, offset: plan.to }];
}

/** By the ledger, when it is about one of this log's ids; else by the log's cursor. */
function loadedOf({ segments, cursors }: LogExamination, ledger: LedgerState | undefined): number {
  const logs = segments.flatMap(({ header }) =>
    header === undefined ? [] : [header.log, ...header.lineage.map(({ log }) => log)],
  );
  if (ledger !== undefined && (logs.length === 0 || logs.includes(ledger.loaded.log)))
    return ledger.loaded.offset;
  return cursors.get("loader")?.offset ?? 0;
}

const LEDGER_NAME = /^([a-z][a-z0-9_]*)-\d+\.ledger$/;

async function examineLedger(path: string, stream: string): Promise<LedgerExamination> {
  try {
    const { state } = await openLedger(ledgerFile(path), path);
    return { path, stream, state, damage: undefined };
  } catch (error) {
    if (!(error instanceof HeadraceError) || error.code !== "ledger_corrupt") throw error;
    return { path, stream, state: undefined, damage: error };
  }
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
