// A server in a process of its own whose disk and store are slow: slow-parts.ts starts it and talks to it.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { z } from "zod";
import { createServer } from "../../../src/http/server.ts";
import { registerIngest } from "../../../src/ingest/ingest.ts";
import { INGEST_LIMITS } from "../../../src/ingest/limits.ts";
import { createLoader } from "../../../src/load/create-loader.ts";
import { realFileSystem, type FileSystem } from "../../../src/file-system.ts";
import { openEmbeddedLog } from "../../../src/log/embedded/embedded-log.ts";
import { compileValidator } from "../../../src/project/compile-stream.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import { rejectedTable } from "../../../src/rejected/rejected-table.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { tableSpec } from "../../../src/store/table-spec.ts";
import { MINUTE, SECOND } from "../../../src/units.ts";
import { storeWith } from "../../../src/store/store-with.ts";
import { allRows } from "./all-rows.ts";
import type { SlowAnswer, SlowOptions } from "./slow-parts.ts";

const options = JSON.parse(process.argv[2] ?? "") as SlowOptions;
const { folder, limits } = options;

const stream = defineStream("flood", {
  schema: z.object({ n: z.int32(), text: z.string() }),
  table: { orderBy: ["n"] },
});

const store = await openStore("chdb:", { folder: join(folder, "store") });
await store.migrate([tableSpec(stream), rejectedTable], { dryRun: false });
const log = await openEmbeddedLog({
  folder: join(folder, "log"),
  streams: [stream],
  fileSystem: diskOf(options.diskBytesPerSecond),
});
const loader = createLoader({
  log,
  store: storeWith(store, {
    insert: async (table, batch) => {
      await sleep((batch.count / options.storeRowsPerSecond) * SECOND);
      await store.insert(table, batch);
    },
  }),
  streams: [stream],
  folder: join(folder, "ledger"),
});
const ingestLimits = { ...INGEST_LIMITS, ...limits };
const server = createServer({ logger: pino({ level: "silent" }), host: "127.0.0.1", port: 0 });
registerIngest(server.app, {
  streams: new Map([[stream.name, { stream, validator: compileValidator(stream, ingestLimits) }]]),
  log,
  loader,
  limits: ingestLimits,
  draining: server.draining,
});
const url = await server.listen();
await loader.start();

process.on("message", (question) => {
  if (question === "stored") void tellStored();
});
process.on("disconnect", () => process.exit(0));
tell({ kind: "ready", url });

async function tellStored(): Promise<void> {
  await loader.settled(stream.name, 10 * MINUTE);
  const rows = await allRows(store, "SELECT n, count() AS times FROM flood GROUP BY n");
  tell({ kind: "stored", rows: rows.map(({ n, times }) => [Number(n), Number(times)]) });
}

function tell(answer: SlowAnswer): void {
  process.send?.(answer);
}

/** The machine's disk, but a sync takes as long as its bytes do at this rate. */
function diskOf(bytesPerSecond: number): FileSystem {
  return {
    ...realFileSystem,
    async open(path, mode) {
      const file = await realFileSystem.open(path, mode);
      let unsynced = 0;
      return {
        ...file,
        async write(buffers, at) {
          const written = await file.write(buffers, at);
          unsynced += written;
          return written;
        },
        async sync() {
          const bytes = unsynced;
          unsynced = 0;
          await sleep((bytes / bytesPerSecond) * SECOND);
          await file.sync();
        },
      };
    },
  };
}
