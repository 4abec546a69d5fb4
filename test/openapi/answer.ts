import { request } from "node:http";
import { lastAnswer, rawConnection } from "../support/raw-http.ts";

/** What a server answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Sends a request as it is, its Host header too, and resolves with the answer; of an endless one with its beginning. */
export function send(
  url: string,
  { method, path, headers = {}, body }: Sent,
  signal?: AbortSignal,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  // Node gives a DELETE no length of its own.
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  const all = { ...headers, ...length };
  const options = { method, headers: all, agent: false, ...(signal === undefined ? {} : { signal }) };
  const sent = request(`${url}${path}`, options, (response) => {
    const chunks: Buffer[] = [];
    const done = (): void =>
      resolve({
        status: response.statusCode ?? 0,
        headers: Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [name, String(value)]),
        ),
        body: Buffer.concat(chunks),
      });
    const isEndless = response.headers["content-type"]?.startsWith("text/event-stream") === true;
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (!isEndless) return;
      done();
      sent.destroy();
    });
    response.on("end", done);
    response.on("error", reject);
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** A request that is being sent, until it is dropped. */
export interface HalfSent {
  readonly drop: () => void;
}

/** Sends the head of a request with the length of a whole body, and no more of that than there is. */
export async function sendHalf(url: string, sent: Sent, length: number): Promise<HalfSent> {
  const connection = await rawConnection(url);
  connection.send(`${headOf(url, sent)}Content-Length: ${length}\r\n\r\n`);
  connection.send(sent.body ?? "");
  return { drop: () => connection.socket.destroy() };
}

/** Sends the head of a request without its end, and resolves when the server has lost patience. */
export async function sendHeadOnly(url: string, sent: Sent): Promise<Answer> {
  const connection = await rawConnection(url);
  connection.send(headOf(url, sent));
  return parse(await connection.closed());
}

function headOf(url: string, { method, path, headers = {} }: Sent): string {
  const lines = Object.entries({ host: new URL(url).host, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}`;
}

function parse(text: string): Answer {
  const { status, body } = lastAnswer(text);
  const [head = ""] = text.split("\r\n\r\n", 1);
  const headers = head
    .split("\r\n")
    .slice(1)
    .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]);
  return {
    status,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: Buffer.from(JSON.stringify(body)),
  };
}
