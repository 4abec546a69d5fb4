import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeadraceError } from "../errors.ts";
import { GIB } from "../units.ts";
import type { Store } from "./store.ts";

/** Queries that run at once when nothing else is said. */
export const READERS_DEFAULT = 3;
/** Bytes that the embedded engine may use in all when nothing else is said. */
export const MEMORY_DEFAULT = 4 * GIB;

export interface StoreOptions {
  /** The store's part of the data folder. It belongs to one process. */
  readonly folder: string;
  /** Where the embedded store puts what it is about to insert. Default: in memory where there is room, else in `folder`. */
  readonly tempFolder?: string;
  /**
   * Queries that run at once in the embedded store. Default 3. Each takes a thread of libuv's pool while it runs, as does an
   * insert, so UV_THREADPOOL_SIZE has to be well above.
   */
  readonly readers?: number;
  /** Bytes that the embedded store may use in all. Default 4 GiB. */
  readonly memory?: number;
}

/**
 * Opens the store that a URL names: `chdb:` is ClickHouse in this process, which takes one folder in a process; `clickhouse://…`
 * is ClickHouse on servers, over HTTP; `postgres://…` is a PostgreSQL server.
 * @throws HeadraceError `config_invalid` for a URL that names no store of this version, or where the engine can't run;
 * `store_failed` when it can't be opened.
 */
export async function openStore(url: string, options: StoreOptions): Promise<Store> {
  if (isPostgres(url)) return openPostgres(url, options);
  if (isClickHouse(url)) return openClickHouse(url, options);
  if (url !== "chdb:") {
    const known = "use chdb:, clickhouse://… or postgres://…";
    throw new HeadraceError("config_invalid", `HEADRACE_STORE_URL: it names no store; ${known}`);
  }
  const { EmbeddedConnection } = await import("./clickhouse/embedded/embedded-connection.ts");
  const { ClickHouseStore } = await import("./clickhouse/clickhouse-store.ts");
  return ClickHouseStore.open(
    EmbeddedConnection.open({ readers: READERS_DEFAULT, memory: MEMORY_DEFAULT, ...options }),
  );
}

const isClickHouse = (url: string): boolean => /^clickhouses?:/.test(url);

async function openClickHouse(url: string, options: StoreOptions): Promise<Store> {
  const { parseClickHouseUrl } = await import("./clickhouse/http/connect-options.ts");
  const { HttpConnection } = await import("./clickhouse/http/http-connection.ts");
  const { ClickHouseStore } = await import("./clickhouse/clickhouse-store.ts");
  const readers = options.readers ?? READERS_DEFAULT;
  return ClickHouseStore.open(HttpConnection.open(parseClickHouseUrl(url), { readers }));
}

const isPostgres = (url: string): boolean => /^postgres(?:ql)?:/.test(url);

async function openPostgres(url: string, options: StoreOptions): Promise<Store> {
  const { parsePostgresUrl } = await import("./postgres/connect-options.ts");
  const { PostgresStore } = await import("./postgres/postgres-store.ts");
  return PostgresStore.open(parsePostgresUrl(url), { readers: options.readers ?? READERS_DEFAULT });
}

async function openTemporarySchema(url: string, options: Omit<StoreOptions, "folder">): Promise<Store> {
  const { parsePostgresUrl } = await import("./postgres/connect-options.ts");
  const { PostgresStore } = await import("./postgres/postgres-store.ts");
  const { sqlLogin: _nobody, ...target } = parsePostgresUrl(url);
  const schema = `headrace_check_${randomBytes(6).toString("hex")}`;
  const readers = options.readers ?? 2;
  const store = await PostgresStore.open({ ...target, schema }, { readers, patience: 0 });
  const close = store.close.bind(store);
  return Object.assign(store, {
    close: async () => {
      try {
        await store.dropSchema();
      } finally {
        await close();
      }
    },
  });
}

/**
 * An empty store that is gone when it is closed: an embedded one in a temporary folder, or a schema of its own in the
 * database that the URL names.
 */
export async function openTemporaryStore(
  options: Omit<StoreOptions, "folder"> = {},
  url = "chdb:",
): Promise<Store> {
  if (isPostgres(url)) return openTemporarySchema(url, options);
  const folder = await mkdtemp(join(tmpdir(), "headrace-store-"));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const store = await openStore("chdb:", { ...options, folder });
    const close = store.close.bind(store);
    return Object.assign(store, {
      close: async () => {
        await close();
        await remove();
      },
    });
  } catch (error) {
    await remove();
    throw error;
  }
}
