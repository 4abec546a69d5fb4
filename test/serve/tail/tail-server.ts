import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { z } from "zod";
import { createServer, type HttpServer } from "../../../src/http/server.ts";
import { openEmbeddedLog, type EmbeddedLogOptions } from "../../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../../src/log/log.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import type { TailLimits } from "../../../src/serve/tail/limits.ts";
import { registerTail } from "../../../src/serve/tail/register-tail.ts";

export const flights = defineStream("flights", {
  schema: z.object({
    n: z.int32(),
    origin: z.string().optional(),
    delay: z.number().optional(),
    big: z.int64().optional(),
    uuid: z.uuid().optional(),
    tags: z.array(z.string()).default([]),
  }),
  table: { orderBy: ["n"] },
});

export interface TailServer {
  readonly url: string;
  readonly log: Log;
  readonly http: HttpServer;
  /** How tails ended so far. */
  readonly ended: string[];
  readonly opened: () => number;
  /** Appends a batch of these events, or of lines as they are. */
  append(events: readonly (object | string)[], rejected?: number): Promise<void>;
  close(): Promise<void>;
}

/** A server with the tail's route over a real log. */
export async function startTails(
  options: { readonly limits?: Partial<TailLimits>; readonly log?: Partial<EmbeddedLogOptions> } = {},
): Promise<TailServer> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-tail-"));
  const log = await openEmbeddedLog({ folder, streams: [flights], ...options.log });
  const http = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { drainTimeout: 5_000, idleGrace: 0 },
  });
  http.app.decorateRequest("caller", undefined);
  const ended: string[] = [];
  let opened = 0;
  registerTail(http.app, {
    streams: [flights],
    log,
    draining: http.draining,
    limits: { gather: 5, ...options.limits },
    observer: { opened: () => void opened++, ended: (_stream, end) => void ended.push(end) },
  });
  const url = await http.listen();
  return {
    url,
    log,
    http,
    ended,
    opened: () => opened,
    async append(events, rejected = 0) {
      const lines = events.map((event) => (typeof event === "string" ? event : JSON.stringify(event)));
      await log.append("flights", {
        acceptedAt: Date.now(),
        events: { count: lines.length, bytes: [Buffer.from(lines.map((line) => `${line}\n`).join(""))] },
        rejected: { count: rejected, bytes: [Buffer.from("{}\n".repeat(rejected))] },
      });
    },
    async close() {
      await http.close();
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
