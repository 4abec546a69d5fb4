import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ProxiedPost {
  readonly key: string;
  readonly encoding: string;
  readonly bytes: number;
  /** The server answered, and the reply was thrown away. */
  readonly lost: boolean;
}

export interface PageProxy {
  readonly url: string;
  readonly posts: readonly ProxiedPost[];
  close(): Promise<void>;
}

/** Serves an empty page and /client.js, and hands on /v1/ to a server, so that the page has one origin. Loses the first reply to a POST. */
export async function startPageProxy(target: string, script: string): Promise<PageProxy> {
  const posts: ProxiedPost[] = [];
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/v1/") === true) void handOn(request, response);
    else if (request.url === "/client.js") {
      response.setHeader("content-type", "text/javascript").end(script);
    } else response.setHeader("content-type", "text/html").end("<!doctype html><title>Test</title>");
  });

  async function handOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const lost = request.method === "POST" && posts.length === 0;
    if (request.method === "POST") {
      posts.push({
        key: String(request.headers["idempotency-key"]),
        encoding: String(request.headers["content-encoding"]),
        bytes: body.length,
        lost,
      });
    }
    const { host: _host, connection: _connection, ...headers } = request.headers;
    const options = { method: request.method ?? "GET", headers };
    const upstream = httpRequest(new URL(request.url ?? "/", target), options, (answer) => {
      if (lost) {
        answer.resume();
        request.socket.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    upstream.on("error", () => request.socket.destroy());
    upstream.end(body);
  }

  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    posts,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
