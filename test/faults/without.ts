import { pathToFileURL } from "node:url";
import { join } from "node:path";
import type { FaultGroup } from "./scenario.ts";

export interface ProtectionOff {
  /** What protects, for docs/FAULTS.md. */
  readonly what: string;
  /** The faults against which it protects: whose scenarios should notice. Default: all. */
  readonly groups?: readonly FaultGroup[];
  readonly removals: readonly Removal[];
}

/** A line of the code that protects, and what it is without the protection. */
export interface Removal {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * The protections that can be switched off, to see which scenario notices. Nothing in the product knows of this: the
 * source is changed on its way into the process, by removal-hook.ts, and a line that isn't there any more is an error.
 */
export const protections = {
  fsync: {
    what: "the log syncs a group of batches to the disk before it answers them",
    groups: ["power loss"],
    removals: [
      {
        file: "src/log/embedded/appender.ts",
        find: "    try {\n      await file.sync();\n    } catch (error) {\n      const failure",
        replace: "    try {\n    } catch (error) {\n      const failure",
      },
    ],
  },
  ledger: {
    what: "the loader remembers over a restart what it was about to insert, and what it has inserted",
    groups: ["power loss"],
    removals: [
      {
        file: "src/load/ledger.ts",
        find: "const bytes = await failing(path, () => file.read());",
        replace: "const bytes = undefined;",
      },
    ],
  },
  reconcile: {
    what: "after a start the loader asks the store what is there before it inserts what an earlier run may have inserted",
    groups: ["kill"],
    removals: [
      {
        file: "src/load/load-steps.ts",
        find: "askFirst: from < this.#askUntil",
        replace: "askFirst: false",
      },
      {
        file: "src/load/load-steps.ts",
        find: "ids: await this.#ids.of(batches), askFirst: true",
        replace: "ids: await this.#ids.of(batches), askFirst: false",
      },
    ],
  },
  "ask-again": {
    what: "after a failed insert the loader asks the store what of it is there",
    groups: ["store"],
    removals: [
      {
        file: "src/load/partition-loader.ts",
        find: "{ ...state, askFirst: true }",
        replace: "state",
      },
    ],
  },
  "store-id": {
    what: "the ledger notices a store that was emptied or replaced, and rows of its last inserts that are gone",
    groups: ["power loss", "corruption"],
    removals: [
      {
        file: "src/load/reconcile.ts",
        find: "if (state.storeId !== work.store.capabilities.storeId) {",
        replace: "if (false) {",
      },
      {
        file: "src/load/reconcile.ts",
        find: "if (whole === latest.at(-1) && missing === 0) return keptPosition(work, state);",
        replace: "return keptPosition(work, state);",
      },
    ],
  },
  "row-count": {
    what: "at a start the rows of a table are as many as were inserted",
    groups: ["power loss"],
    removals: [
      {
        file: "src/load/reconcile.ts",
        find: "return Math.max(0, rows - ((await countRows(store, stream.name)) - ofPlan));",
        replace: "return 0;",
      },
    ],
  },
  crc: {
    what: "records of the log carry checksums",
    groups: ["power loss", "corruption"],
    removals: [
      {
        file: "src/log/record/record.ts",
        find: "if (from.readUInt32LE(at + 4) !== headerCrc(from, seed, at)) return undefined;",
        replace: "",
      },
      {
        file: "src/log/record/record.ts",
        find: " && crc32(from.subarray(at + RECORD_HEADER_BYTES, end)) === header.bodyCrc",
        replace: "",
      },
    ],
  },
  "key-index": {
    what: "idempotency keys are remembered",
    groups: ["kill", "clients"],
    removals: [
      {
        file: "src/log/remembered-keys.ts",
        find: "if (place === undefined || this.#isOver(place)) return undefined;",
        replace: "if (this.#places.size >= 0) return undefined;",
      },
    ],
  },
  ids: {
    what: "the second event with an id doesn't count",
    groups: ["kill", "ids"],
    removals: [
      {
        file: "src/load/ids/stream-ids.ts",
        find: "rows === undefined || filter === undefined || stream.id === undefined",
        replace: "true",
      },
    ],
  },
  "kept-ids": {
    what: "ids that an insert cut short left out are stored when it is tried again",
    groups: ["store", "kill"],
    removals: [
      {
        file: "src/load/insert-plan.ts",
        find: "if (inTable.length > 0) await keepIds(work, inTable);",
        replace: "",
      },
    ],
  },
  "whole-files": {
    what: "a segment of the log takes its name only when it is whole and synced",
    groups: ["kill", "power loss"],
    removals: [
      {
        file: "src/log/embedded/segment.ts",
        find: "const temporary = `${path}${TEMPORARY_SUFFIX}`;",
        replace: "const temporary = path;",
      },
    ],
  },
  fencing: {
    what: "a data folder has one owner",
    groups: ["stop and start"],
    removals: [
      {
        file: "src/data-folder.ts",
        find: 'database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");',
        replace: "",
      },
    ],
  },
  leases: {
    what: "a process whose lease of a partition is over can neither insert nor write the partition's ledger",
    groups: ["kill"],
    removals: [
      {
        file: "src/load/remote/fenced-store.ts",
        find: "({ ...batch, until: lease.until })",
        replace: "batch",
      },
      {
        file: "src/load/nats/nats-ledgers.ts",
        find: "after: last,",
        replace:
          "after: await this.#nats.manager.streams.getMessage(this.#place.stream, { last_by_subj: this.#place.subject })" +
          ".then((latest) => latest?.seq ?? 0, () => 0),",
      },
    ],
  },
  clock: {
    what: "what is forgotten or dropped goes by the time that has surely come, whatever the clock is set to",
    groups: ["clock"],
    removals: [
      {
        file: "src/guarded-clock.ts",
        find: "if (steady - since < STEP_PROOF) return believed;",
        replace: "",
      },
      {
        file: "src/guarded-clock.ts",
        find: "Math.min(now, time ?? now)",
        replace: "now",
      },
    ],
  },
} as const satisfies Record<string, ProtectionOff>;

export type Protection = keyof typeof protections;

/** What makes Node, and every Node that it starts, run without a protection. */
export function nodeOptionsWithout(protection: Protection | undefined): Record<string, string> {
  if (protection === undefined) return {};
  const hook = pathToFileURL(join(import.meta.dirname, "removal-hook.ts"));
  hook.searchParams.set("without", protection);
  return { NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import ${hook.href}`.trim() };
}
