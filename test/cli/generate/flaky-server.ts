import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/**
 * What the server does with a request: it does as it should, drops the connection before or after it accepted,
 * answers with a status, or keeps silent until it is told to go on.
 */
export type Mood =
  | "good"
  | "drop"
  | "lose_reply"
  | "stall"
  | { readonly status: number; readonly code?: string; readonly retryAfter?: string; readonly body?: string };

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly key: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** As sent. */
  readonly bytes: number;
}

export interface FlakyServer {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** The events that it accepted, in order; a replayed key adds none. */
  readonly accepted: readonly Numbered[];
  readonly underWayMax: number;
  /** Lets what is stalled go on, and stalls no more. */
  goOn(): void;
  close(): Promise<void>;
}

export interface Numbered {
  readonly n: number;
}

/** Reasons that the server lists, as Headrace does. */
const LISTED_MAX = 100;

/**
 * A real HTTP server that keeps to Headrace's contract for one stream, as far as its moods let it: an Idempotency-Key
 * counts once, events with a negative `n` are rejected.
 */
export async function startFlakyServer(mood: (index: number) => Mood = () => "good"): Promise<FlakyServer> {
  const requests: SeenRequest[] = [];
  const accepted: Numbered[] = [];
  const answers = new Map<string, { readonly status: number; readonly body: string }>();
  const goingOn = Promise.withResolvers<void>();
  let stalls = true;
  let underWay = 0;
  let underWayMax = 0;

  const server = createServer((request, response) => {
    underWay++;
    underWayMax = Math.max(underWayMax, underWay);
    response.once("close", () => underWay--);
    void answer(request, response);
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await read(request);
    const behaviour = mood(requests.push(seen) - 1);
    if (behaviour === "stall" && stalls) await goingOn.promise;
    if (behaviour === "drop") return void request.socket.destroy();
    if (typeof behaviour === "object") return sendProblem(response, behaviour);
    const outcome = answers.get(seen.key) ?? judge(seen);
    answers.set(seen.key, outcome);
    if (behaviour === "lose_reply") return void request.socket.destroy();
    response.writeHead(outcome.status, { "content-type": "application/json" }).end(outcome.body);
  }

  function judge({ body, url }: SeenRequest): { readonly status: number; readonly body: string } {
    const events = body
      .split("\n")
      .map((line) => (line === "?" ? undefined : (JSON.parse(line) as Numbered)));
    const bad = events.flatMap((event, index) => (event === undefined || event.n < 0 ? [index] : []));
    const errors = bad.slice(0, LISTED_MAX).map((index) => ({
      index,
      path: "/n",
      code: "out_of_range",
      message: "must be at least 0",
    }));
    const kept = !url.includes("on_invalid=fail");
    if (bad.length === events.length || !kept) {
      const problem = { code: "events_rejected", accepted: 0, rejected: bad.length, errors, kept };
      return { status: 422, body: JSON.stringify(problem) };
    }
    accepted.push(
      ...events.filter((event) => event !== undefined && event.n >= 0).map((event) => event as Numbered),
    );
    return {
      status: 202,
      body: JSON.stringify({ accepted: events.length - bad.length, rejected: bad.length, errors }),
    };
  }

  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    accepted,
    get underWayMax() {
      return underWayMax;
    },
    goOn() {
      stalls = false;
      goingOn.resolve();
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function read(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes;
  return {
    method: request.method ?? "",
    url: request.url ?? "",
    key: String(request.headers["idempotency-key"]),
    headers: request.headers,
    body: plain.toString(),
    bytes: bytes.length,
  };
}

function sendProblem(
  response: ServerResponse,
  { status, code, retryAfter, body }: Exclude<Mood, string>,
): void {
  const problem = body ?? JSON.stringify(code === undefined ? {} : { code, detail: `this is ${code}` });
  const headers = {
    ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
    ...(status === 302 ? { location: "/elsewhere" } : {}),
  };
  response.writeHead(status, headers).end(problem);
}
