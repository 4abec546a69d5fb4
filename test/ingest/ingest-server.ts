import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { z } from "zod";
import type { HttpLimits } from "../../src/http/limits.ts";
import { createServer, type HttpServer } from "../../src/http/server.ts";
import { registerIngest, type IngestObserver } from "../../src/ingest/ingest.ts";
import { INGEST_LIMITS, type IngestLimits } from "../../src/ingest/limits.ts";
import type { Loader, LoadStatus, StoredCounts } from "../../src/load/load.ts";
import { openEmbeddedLog, type EmbeddedLogOptions } from "../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../src/log/log.ts";
import { compileValidator } from "../../src/project/compile-stream.ts";
import type { Stream } from "../../src/project/declarations.ts";
import { defineStream } from "../../src/project/define-stream.ts";

const STREAMS: readonly Stream[] = [
  /** All that its events need is on the fast path: bytes go to the log as they came. */
  defineStream("flights", {
    schema: z.object({ n: z.int32(), note: z.string().optional() }),
    table: { orderBy: ["n"] },
  }),
  /** Each of its events is rewritten, since a default is filled in. */
  defineStream("defaults", {
    schema: z.object({ n: z.int32(), source: z.string().default("unknown") }),
    table: { orderBy: ["n"] },
  }),
];

export interface IngestUnderTest {
  readonly url: string;
  readonly server: HttpServer;
  readonly log: Log;
  /** Every line that the log keeps of a stream, in order. */
  kept(stream?: string): Promise<KeptLines>;
  post(body: string | Buffer | ReadableStream, options?: PostOptions): Promise<IngestAnswer>;
  stop(): Promise<void>;
}

export interface KeptLines {
  readonly events: readonly string[];
  /** The events that were rejected, as they came. */
  readonly rejected: readonly string[];
}

export interface PostOptions {
  readonly stream?: string;
  /** Default NDJSON; "" for none. */
  readonly type?: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface IngestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

export interface IngestTestOptions {
  /** Default: `flights` and `defaults`. */
  readonly streams?: readonly Stream[];
  readonly limits?: Partial<IngestLimits>;
  readonly http?: Partial<HttpLimits>;
  readonly log?: Partial<EmbeddedLogOptions>;
  /** What the loader says, since a real one can't be told to be late or to fail. */
  readonly stored?: (events: number) => Promise<StoredCounts | undefined>;
  readonly lagEvents?: () => number;
  readonly closed?: () => string | undefined;
  readonly observer?: IngestObserver;
}

/** A real server with the real validators and the real log, in a folder of its own. */
export async function startIngest(options: IngestTestOptions = {}): Promise<IngestUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-ingest-"));
  const limits = { ...INGEST_LIMITS, ...options.limits };
  const { streams = STREAMS } = options;
  const log = await openEmbeddedLog({ folder, streams, ...options.log });
  const server = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { idleGrace: 0, ...options.http },
  });
  registerIngest(server.app, {
    streams: new Map(
      streams.map((stream) => [stream.name, { stream, validator: compileValidator(stream, limits) }]),
    ),
    log,
    loader: loaderThatSays(options),
    limits,
    draining: server.draining,
    ...(options.observer === undefined ? {} : { observer: options.observer }),
  });
  const url = await server.listen();
  return {
    url,
    server,
    log,
    kept: (stream = "flights") => keptLines(log, stream),
    post: (body, post = {}) => send(url, body, post),
    async stop() {
      await server.close();
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
}

function loaderThatSays(options: IngestTestOptions): Pick<Loader, "stored" | "status"> {
  return {
    stored: (_stream, batch) =>
      options.stored?.(batch.events) ?? Promise.resolve({ stored: batch.events, duplicates: 0, refused: 0 }),
    status: (): LoadStatus => {
      const closed = options.closed?.();
      return {
        state: closed === undefined ? "running" : "stopped",
        lagEvents: options.lagEvents?.() ?? 0,
        lagAge: 0,
        loaded: { log: "", offset: 0 },
        ...(closed === undefined ? {} : { closed }),
      };
    },
  };
}

async function keptLines(log: Log, stream: string): Promise<KeptLines> {
  const events: string[] = [];
  const rejected: string[] = [];
  let from = { log: "", offset: 0 };
  for (;;) {
    const batches = await log.read(stream, 0, from, { bytes: 2 ** 40, events: 2 ** 40 });
    if (batches.length === 0) return { events, rejected };
    for (const batch of batches) {
      events.push(...lines(batch.events));
      rejected.push(...lines(batch.rejected).map(rawOf));
      from = { log: batch.log, offset: batch.offset + batch.events.count + batch.rejected.count };
    }
  }
}

/** The lines of a section, which must be as many as it says. */
function lines(section: { readonly count: number; readonly bytes: Buffer }): string[] {
  const found = section.bytes.toString("utf8").split("\n");
  if (found.pop() !== "") throw new Error("the last line has no newline");
  if (found.length !== section.count) throw new Error(`${found.length} lines instead of ${section.count}`);
  return found;
}

function rawOf(line: string): string {
  const row = JSON.parse(line) as { event: string; encoding: BufferEncoding };
  return Buffer.from(row.event, row.encoding).toString("utf8");
}

async function send(
  url: string,
  body: string | Buffer | ReadableStream,
  { stream = "flights", type = "application/x-ndjson", query = "", headers = {} }: PostOptions,
): Promise<IngestAnswer> {
  const response = await fetch(`${url}/v1/streams/${stream}/events${query}`, {
    method: "POST",
    headers: { ...(type === "" ? {} : { "content-type": type }), ...headers },
    // Bytes, since fetch gives a text a Content-Type of its own.
    body: body instanceof ReadableStream ? body : new Uint8Array(Buffer.from(body)),
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: JSON.parse(text) as Record<string, unknown>,
  };
}
