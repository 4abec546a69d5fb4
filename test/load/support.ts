import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { createLoader, type LoaderOptions } from "../../src/load/create-loader.ts";
import type { Loader } from "../../src/load/load.ts";
import type { EmbeddedLogOptions } from "../../src/log/embedded/embedded-log.ts";
import { openLog } from "../../src/log/open-log.ts";
import type { Lines, Log, Position } from "../../src/log/log.ts";
import type { Stream } from "../../src/project/declarations.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { encodeRejected } from "../../src/rejected/rejected-event.ts";
import type { Store } from "../../src/store/store.ts";
import { storeWith } from "../../src/store/store-with.ts";

/** A stream without ids. */
export const plain = defineStream("plain", {
  schema: z.object({ n: z.int32(), text: z.string().optional() }),
  freshness: "50 ms",
  table: { orderBy: ["n"] },
});

/** A stream with ids. */
export const unique = defineStream("unique", {
  schema: z.object({ id: z.string(), n: z.int32() }),
  id: { field: "id", window: "1 hour" },
  freshness: "50 ms",
  table: { orderBy: ["n"] },
});

/** A log and a folder of ledgers of its own, over a store that may be shared. */
export interface World {
  readonly folder: string;
  readonly log: Log;
  /** A loader with short retries. */
  loader(options?: Partial<LoaderOptions>): Loader;
  /** Closes the log, and opens it again after `work`, with other declarations if there are. */
  reopenLog(work?: () => Promise<void>, streams?: readonly Stream[]): Promise<Log>;
  close(): Promise<void>;
}

export async function openWorld(
  store: Store,
  streams: readonly Stream[],
  logOptions: Pick<EmbeddedLogOptions, "segmentBytes" | "retention"> = {},
): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-load-"));
  const open = (declared: readonly Stream[]) =>
    openLog("file:", { folder: join(folder, "log"), streams: declared, ...logOptions });
  let log = await open(streams);
  return {
    folder,
    get log() {
      return log;
    },
    loader: (options = {}) =>
      createLoader({
        log,
        store,
        streams,
        folder: join(folder, "load"),
        limits: { retryFirst: 5, retryMax: 20 },
        ...options,
      }),
    async reopenLog(work, declared = streams) {
      await log.close();
      await work?.();
      log = await open(declared);
      return log;
    },
    async close() {
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export type Sent = object | string;

export interface AppendOptions {
  /** Raw texts of events that ingest rejected. */
  readonly rejected?: readonly string[];
  readonly acceptedAt?: number;
}

/** Appends events, given as objects or as the text of their lines. */
export async function append(
  log: Log,
  stream: string,
  events: readonly Sent[],
  options: AppendOptions = {},
): Promise<Position> {
  const rejected = (options.rejected ?? []).map((raw) =>
    encodeRejected({
      stream,
      raw: Buffer.from(raw),
      errors: [{ path: "/n", code: "invalid_type", message: "expected an integer" }],
    }),
  );
  const appended = await log.append(stream, {
    acceptedAt: options.acceptedAt ?? Date.now(),
    events: linesOf(events),
    rejected: { count: rejected.length, bytes: rejected },
  });
  if (appended.kind !== "appended") throw new Error("a batch without a key can't be a duplicate");
  return appended.position;
}

function linesOf(events: readonly Sent[]): Lines {
  const text = events.map((event) => `${typeof event === "string" ? event : JSON.stringify(event)}\n`);
  return { count: events.length, bytes: [Buffer.from(text.join(""))] };
}

/**
 * An empty store of its own within another (a process has one engine): every log has another id in it. Whoever asks it
 * for rows uses `otherLog`.
 */
export function emptyStore(store: Store, storeId: string): Store {
  return storeWith(store, {
    capabilities: { ...store.capabilities, storeId },
    insert: (table, batch) => store.insert(table, { ...batch, log: otherLog(batch.log) }),
    present: (table, range) => store.present(table, { ...range, log: otherLog(range.log) }),
  });
}

export const otherLog = (log: string): string => `other-${log}`;

/** Every offset of a log that a table holds, sorted, with those that it holds twice twice. */
export async function offsetsIn(store: Store, table: string, log: string): Promise<number[]> {
  const rows = await select(store, `SELECT _offset AS o FROM "${table}" WHERE _log = '${log}' ORDER BY o`);
  return rows.map((row) => Number(row["o"]));
}

export async function select(store: Store, text: string): Promise<Record<string, unknown>[]> {
  const { chunks } = await store.query({
    sql: { text, params: {} },
    format: "ndjson",
    limits: { time: 10_000, memory: 1e9, rows: 1e6, bytes: 1e8 },
  });
  let json = "";
  const decoder = new TextDecoder();
  for await (const chunk of chunks) json += decoder.decode(chunk, { stream: true });
  return json
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
