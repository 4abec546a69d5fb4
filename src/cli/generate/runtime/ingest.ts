import { HeadraceClientError } from "./api.ts";
import { withRetries, type Http } from "./http.ts";
import { isClear, type BatchAnswer, type BatchError, type Part } from "./sending.ts";

const ATTEMPTS_MAX = 30;
/** Bytes under which compressing isn't worth it. */
const COMPRESSED_MIN = 1024;
/** A line that no stream takes. */
const BAD_LINE = "?";

export interface IngestOptions {
  readonly compress: boolean;
  readonly retryForMs: number;
  readonly signal: AbortSignal;
}

/** Sends the events of some parts as one batch, and resolves with an answer that is clear about each part. */
export async function ingest(
  http: Http,
  stream: string,
  parts: readonly Part[],
  options: IngestOptions,
): Promise<BatchAnswer> {
  const lines = parts.flatMap((part) => part.lines);
  const path = `/v1/streams/${stream}/events`;
  const answer = await post(http, path, lines, options);
  if (answer.accepted + answer.rejected !== lines.length) {
    throw unexpected(`${lines.length} events were sent, and the answer is about another number`);
  }
  let clear = answer;
  while (!isClear(parts, clear)) {
    // More errors than the server lists. The rest is asked about again, in a way that keeps nothing: one bad event
    // refuses the whole batch.
    const from = (clear.errors.at(-1)?.index ?? -1) + 1;
    const again = await post(http, `${path}?on_invalid=fail`, [BAD_LINE, ...lines.slice(from)], options);
    const more = again.errors.flatMap((error) =>
      error.index > 0 ? [{ ...error, index: error.index - 1 + from }] : [],
    );
    if (more.length === 0) throw unexpected("the answer doesn't list the errors that it counts");
    clear = { ...clear, errors: [...clear.errors, ...more] };
  }
  return clear;
}

async function post(
  http: Http,
  path: string,
  lines: readonly string[],
  { compress, retryForMs, signal }: IngestOptions,
): Promise<BatchAnswer> {
  const { body, encoding } = await encode(lines.join("\n"), compress);
  const headers = {
    "content-type": "application/x-ndjson",
    "idempotency-key": randomKey(),
    ...(encoding === undefined ? {} : { "content-encoding": encoding }),
  };
  const attempt = async () => {
    try {
      return readAnswer(await http.json({ method: "POST", path, headers, body, signal }));
    } catch (error) {
      // None of the events fits: that is an answer too.
      if (error instanceof HeadraceClientError && error.code === "events_rejected")
        return readAnswer(error.problem);
      throw error;
    }
  };
  return withRetries(attempt, { attempts: ATTEMPTS_MAX, forMs: retryForMs, signal });
}

async function encode(
  text: string,
  compress: boolean,
): Promise<{ readonly body: string | ArrayBuffer; readonly encoding: "gzip" | undefined }> {
  if (!compress || typeof CompressionStream === "undefined" || text.length < COMPRESSED_MIN) {
    return { body: text, encoding: undefined };
  }
  const compressed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return { body: await new Response(compressed).arrayBuffer(), encoding: "gzip" };
}

/** 128 bits. Not crypto.randomUUID, which pages without TLS don't have. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function readAnswer(answer: unknown): BatchAnswer {
  if (typeof answer === "object" && answer !== null && "accepted" in answer && "rejected" in answer) {
    const { accepted, rejected } = answer;
    const errors = "errors" in answer && Array.isArray(answer.errors) ? (answer.errors as BatchError[]) : [];
    if (typeof accepted === "number" && typeof rejected === "number") return { accepted, rejected, errors };
  }
  throw unexpected("the answer doesn't say what became of the events");
}

function unexpected(detail: string): HeadraceClientError {
  return new HeadraceClientError("unexpected_answer", detail, { uncertain: true });
}
