import { HeadraceError, messageOf } from "../errors.ts";
import type { LedgerFile } from "./ledger-file.ts";
import { decodeEntries, encodeEntry } from "./ledger-line.ts";
import { applyEntry, type LedgerEntry, type LedgerState } from "./ledger-state.ts";
import { LEDGER_BYTES_MAX } from "./limits.ts";

/**
 * The loader's diary of one partition of a stream: what it is about to insert, durably before it does, and how far it
 * has got, durably after. An append-only file of checked lines, now and then written anew.
 */
export interface Ledger {
  /** Undefined until the first entry is recorded. */
  readonly state: LedgerState | undefined;
  /** On the disk when it resolves. When it rejects with `ledger_failed`, the state is the one before. */
  record(entry: LedgerEntry): Promise<LedgerState>;
  close(): Promise<void>;
}

/** Reads what is there. Throws `ledger_corrupt` when it is damaged. `path` is for messages. */
export async function openLedger(file: LedgerFile, path: string): Promise<Ledger> {
  const bytes = await failing(path, () => file.read());
  const entries = bytes === undefined ? [] : decodeEntries(bytes, path);
  return new FileLedger(file, path, stateOf(entries, path));
}

class FileLedger implements Ledger {
  readonly #file: LedgerFile;
  readonly #path: string;
  #state: LedgerState | undefined;
  /** Bytes of the file; Infinity when its end can't be trusted: the first entry, and any after a failure, writes it anew. */
  #bytes = Infinity;

  constructor(file: LedgerFile, path: string, state: LedgerState | undefined) {
    this.#file = file;
    this.#path = path;
    this.#state = state;
  }

  get state(): LedgerState | undefined {
    return this.#state;
  }

  async record(entry: LedgerEntry): Promise<LedgerState> {
    const state = applyEntry(this.#state, entry);
    const line = encodeEntry(entry);
    const { bytesMax = LEDGER_BYTES_MAX } = this.#file;
    await failing(this.#path, async () => {
      const anew = entry.kind === "state" || this.#bytes + line.length > bytesMax;
      const bytes = anew ? encodeEntry({ kind: "state", state }) : line;
      const before = anew ? 0 : this.#bytes;
      this.#bytes = Infinity;
      await (anew ? this.#file.replace(bytes) : this.#file.append(bytes));
      this.#bytes = before + bytes.length;
    });
    this.#state = state;
    return state;
  }

  async close(): Promise<void> {
    await failing(this.#path, () => this.#file.close());
  }
}

function stateOf(entries: readonly LedgerEntry[], path: string): LedgerState | undefined {
  let state: LedgerState | undefined;
  try {
    for (const entry of entries) state = applyEntry(state, entry);
  } catch (error) {
    throw new HeadraceError("ledger_corrupt", `${path} can't be followed: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return state;
}

async function failing<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HeadraceError) throw error;
    throw new HeadraceError("ledger_failed", `${path}: ${messageOf(error)}`, { cause: error });
  }
}
