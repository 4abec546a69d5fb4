import { HeadraceError } from "../errors.ts";
import type { Log, Position } from "../log/log.ts";
import { REJECTED_TABLE, rejectedContaining, rejectedWhere } from "../rejected/rejected-table.ts";
import type { RowSelection, Store } from "../store/store.ts";
import { HOUR, SECOND } from "../units.ts";
import type { EraseRequest, EraseRequests } from "./erase-requests.ts";
import type { Ledger } from "./ledger.ts";
import type { Erasure, LedgerState } from "./ledger-state.ts";
import { ERASURES_BYTES_MAX } from "./limits.ts";
import type { ErasedCounts } from "./load.ts";

export interface EraseWork {
  readonly log: Log;
  readonly store: Store;
  readonly stream: string;
  readonly partition: number;
  readonly ledger: Ledger;
  readonly erasures: EraseRequests;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Rows went away. */
  readonly visible: () => void;
}

/** What the log's retention has to free doesn't come soon. Seconds. */
const FORGOTTEN_RETRY_AFTER = HOUR / SECOND;

/** What is in the ledger and can be done now: all that it concerns is loaded. A reset needs no loading. */
export function dueErasures(state: LedgerState | undefined, loaded: Position): readonly Erasure[] {
  return openErasures(state).filter(({ reset, until }) => reset === true || until.offset <= loaded.offset);
}

export function openErasures(state: LedgerState | undefined): readonly Erasure[] {
  return (state?.erasures ?? []).filter((erasure) => !erasure.done);
}

/** Writes what is asked for in the ledger: from then on it will be done. */
export async function takeRequests(work: EraseWork): Promise<void> {
  for (const request of work.erasures.take()) {
    const erasure = erasureOf(work, request);
    if (!fits(work, erasure)) await forgetPast(work);
    if (!fits(work, erasure)) {
      request.failed(
        new HeadraceError(
          "overloaded",
          "Too much was erased that the log still holds: it must be remembered, and there is no room for more",
          { retryAfterSeconds: FORGOTTEN_RETRY_AFTER },
        ),
      );
      continue;
    }
    await work.ledger.record({ kind: "erase", erasure });
    request.recorded();
  }
}

/** Does one erasure. May be repeated: only what was accepted before it is concerned. */
export async function eraseOne(work: EraseWork, erasure: Erasure): Promise<void> {
  const { ledger, erasures } = work;
  let counts: ErasedCounts;
  try {
    counts = await erase(work, erasure);
  } catch (error) {
    if (!(error instanceof HeadraceError) || error.code !== "condition_invalid") throw error;
    // Rows that came since it was checked can't be asked this question. Trying for ever would end all loading.
    await ledger.record({ kind: "erased", id: erasure.id, abandoned: true });
    erasures.done(erasure.id, error);
    return;
  }
  if (erasure.reset === true) await recordReset(work, erasure);
  else await ledger.record({ kind: "erased", id: erasure.id, abandoned: false });
  erasures.done(erasure.id, counts);
}

async function erase(work: EraseWork, erasure: Erasure): Promise<ErasedCounts> {
  const { store, stream, partition } = work;
  const { where, rejected, reset, at } = erasure;
  // Before a reset is done nothing that came after it is loaded; and an older copy of the log ends before rows that are stored.
  const offset = reset === true ? Number.MAX_SAFE_INTEGER : erasure.until.offset;
  const until = { log: erasure.until.log, partition, offset, acceptedAt: at };
  const erased = async (table: string, rows: RowSelection) =>
    store.erase(table, { ...rows, until }, { dryRun: false });
  try {
    const own = { equal: { stream } };
    if (reset === true) {
      const rejectedRows = await erased(REJECTED_TABLE, own);
      return { rows: await erased(stream, {}), rejected: rejectedRows };
    }
    let [rows, rejectedRows] = [0, 0];
    if (rejected !== undefined) {
      rejectedRows += await erased(REJECTED_TABLE, { ...own, containing: rejectedContaining(rejected) });
    }
    if (where !== undefined) {
      rejectedRows += await erased(REJECTED_TABLE, rejectedWhere(stream, where));
      rows = await erased(stream, { where });
    }
    return { rows, rejected: rejectedRows };
  } finally {
    work.visible();
  }
}

/** Whatever was to be erased before is gone with the rest. */
async function recordReset({ ledger, store, erasures }: EraseWork, reset: Erasure): Promise<void> {
  const { state } = ledger;
  const { until } = reset;
  const { storeId } = store.capabilities;
  const rest = (state?.erasures ?? []).filter((erasure) => erasure.until.offset > until.offset);
  for (const { id } of (state?.erasures ?? []).filter((one) => !rest.includes(one))) {
    if (id !== reset.id) erasures.done(id, { rows: 0, rejected: 0 });
  }
  await ledger.record({
    kind: "state",
    state: { storeId, loaded: until, inserts: [], refused: [], erasures: rest, origin: until },
  });
}

function erasureOf({ log, stream, partition, clock }: EraseWork, { id, what }: EraseRequest): Erasure {
  const { end } = log.status(stream, partition);
  const base = { id, at: clock(), until: end, done: false };
  if (what.kind === "all") return { ...base, reset: true };
  const { where, rejected } = what;
  return {
    ...base,
    ...(where === undefined ? {} : { where }),
    ...(rejected === undefined ? {} : { rejected }),
  };
}

/** A reset always does: all that was erased before is forgotten with it. */
function fits({ ledger }: EraseWork, erasure: Erasure): boolean {
  return erasure.reset === true || bytesOf(ledger.state) + bytesOfOne(erasure) <= ERASURES_BYTES_MAX;
}

/** What the log doesn't hold any more can't be loaded again, and so needn't be erased again. */
async function forgetPast({ log, stream, partition, ledger }: EraseWork): Promise<void> {
  const { state } = ledger;
  if (state === undefined) return;
  const { first } = log.status(stream, partition);
  const erasures = (state.erasures ?? []).filter(({ done, until }) => !done || until.offset > first.offset);
  await ledger.record({ kind: "state", state: { ...state, erasures } });
}

function bytesOf(state: LedgerState | undefined): number {
  return (state?.erasures ?? []).reduce((sum, erasure) => sum + bytesOfOne(erasure), 0);
}

function bytesOfOne(erasure: Erasure): number {
  return Buffer.byteLength(JSON.stringify(erasure));
}
