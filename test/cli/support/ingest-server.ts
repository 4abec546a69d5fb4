import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync, zstdDecompressSync } from "node:zlib";

/** One ingest request as it arrived. */
export interface Received {
  readonly stream: string;
  readonly key: string;
  readonly encoding: string | undefined;
  readonly token: string | undefined;
  readonly mediaType: string;
  /** The lines, decompressed. */
  readonly lines: readonly string[];
  /** When it arrived, milliseconds of performance.now(). */
  readonly at: number;
}

/** What a test answers a request with: undefined for "all accepted", "hang up" for a cut connection. */
export type Answer = (
  request: Received,
  attempt: number,
) => Promise<Reply | "hang up" | undefined> | Reply | "hang up" | undefined;

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A small server over a real socket that speaks the ingest protocol and refuses what breaks it. */
export class IngestServer {
  readonly received: Received[] = [];
  /** Lines of each batch that was answered with "accepted", by its key: a batch that comes twice counts once. */
  readonly stored = new Map<string, readonly string[]>();
  inFlightMax = 0;
  answer: Answer = () => undefined;
  #inFlight = 0;
  readonly #attempts = new Map<string, number>();
  readonly #server = createServer((request, response) => void this.#handle(request, response));

  async start(): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  /** All events that count. */
  events(): unknown[] {
    return [...this.stored.values()].flat().map((line): unknown => JSON.parse(line));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/livez") {
      reply(response, { status: 200, body: { status: "ok" } });
      return;
    }
    this.#inFlight++;
    this.inFlightMax = Math.max(this.inFlightMax, this.#inFlight);
    try {
      const received = await receive(request);
      this.received.push(received);
      const attempt = this.#attempts.get(received.key) ?? 0;
      this.#attempts.set(received.key, attempt + 1);
      const answer = await this.answer(received, attempt);
      if (answer === "hang up") {
        response.socket?.destroy();
        return;
      }
      if (answer === undefined) this.stored.set(received.key, received.lines);
      reply(
        response,
        answer ?? { status: 202, body: { accepted: received.lines.length, rejected: 0, errors: [] } },
      );
    } catch (error) {
      reply(response, problem(400, "bad_request", String(error)));
    } finally {
      this.#inFlight--;
    }
  }
}

/** A problem document as the server answers. */
export function problem(status: number, code: string, detail: string, more: object = {}): Reply {
  return {
    status,
    headers: { "content-type": "application/problem+json" },
    body: { type: "about:blank", status, code, detail, ...more },
  };
}

async function receive(request: IncomingMessage): Promise<Received> {
  const at = performance.now();
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const stream = /^\/v1\/streams\/([^/]+)\/events$/.exec(request.url ?? "")?.[1];
  const key = request.headers["idempotency-key"];
  if (request.method !== "POST" || stream === undefined) throw new Error(`${request.method} ${request.url}`);
  const mediaType = request.headers["content-type"] ?? "";
  if (!["application/x-ndjson", "text/csv"].includes(mediaType)) throw new Error("wrong content-type");
  if (typeof key !== "string" || key.length > 255) throw new Error("no usable idempotency-key");
  const encoding = request.headers["content-encoding"];
  const text = decompress(Buffer.concat(chunks), encoding).toString("utf8");
  if (!text.endsWith("\n")) throw new Error("the last line has no newline");
  const lines = text.slice(0, -1).split("\n");
  return { stream, key, encoding, token: request.headers.authorization, mediaType, lines, at };
}

function decompress(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === undefined) return body;
  if (encoding === "gzip") return gunzipSync(body);
  if (encoding === "zstd") return zstdDecompressSync(body);
  throw new Error(`unknown encoding ${encoding}`);
}

function reply(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}
