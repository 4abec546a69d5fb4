import { SECOND } from "../../units.ts";

/** How long events of a slow input wait for a batch to fill, in milliseconds. */
const LINGER = SECOND / 2;
const NEWLINE = 0x0a;

export interface BatchLimits {
  /** Events of a batch. */
  readonly events: number;
  /** Bytes of a batch before compression; a single event may be larger. */
  readonly bytes: number;
}

/** Events of the input, one after the other. */
export interface EventChunk {
  /** Each is a JSON text without newlines, or a row of CSV. */
  readonly events: readonly Buffer[];
  /** The header row of the CSV that the rows belong to. */
  readonly csvHeader?: Buffer;
}

/** Events that are sent in one request, as NDJSON or as CSV with its header row. */
export interface Batch {
  /** Counted from 0. */
  readonly number: number;
  /** The number of its first event in the whole input, counted from 0. */
  readonly firstEvent: number;
  readonly events: number;
  readonly mediaType: "application/x-ndjson" | "text/csv";
  readonly body: Buffer<ArrayBuffer>;
}

/**
 * Gathers events into batches. A batch goes when it is full, when the input ends, or when the input pauses, so that
 * events of a slow pipe don't wait for others. Rows of another CSV, or of none, begin another batch. Reads ahead by one
 * chunk of the input at most.
 */
export async function* gatherBatches(
  chunks: AsyncIterable<EventChunk>,
  limits: BatchLimits,
): AsyncGenerator<Batch> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let header: Buffer | undefined;
  let number = 0;
  let firstEvent = 0;

  const take = (): Batch => {
    const lines = header === undefined ? pending : [header, ...pending];
    const batch: Batch = {
      number,
      firstEvent,
      events: pending.length,
      mediaType: header === undefined ? "application/x-ndjson" : "text/csv",
      body: joinLines(lines),
    };
    number++;
    firstEvent += pending.length;
    pending = [];
    pendingBytes = 0;
    return batch;
  };

  const iterator = chunks[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      if (pending.length > 0 && (await pauses(next))) yield take();
      const result = await next;
      if (result.done === true) break;
      const { events, csvHeader } = result.value;
      if (pending.length > 0 && !isSame(header, csvHeader)) yield take();
      header = csvHeader;
      for (const event of events) {
        const bytes = event.length + 1;
        if (pending.length > 0 && pendingBytes + bytes > limits.bytes) yield take();
        pending.push(event);
        pendingBytes += bytes;
        if (pending.length >= limits.events) yield take();
      }
      next = iterator.next();
    }
    if (pending.length > 0) yield take();
  } finally {
    await iterator.return?.();
  }
}

/** Lists of JSON texts as chunks. */
export async function* jsonChunks(lists: AsyncIterable<readonly Buffer[]>): AsyncGenerator<EventChunk> {
  for await (const events of lists) yield { events };
}

/** Whether the promise is still open after the linger. */
async function pauses(next: Promise<unknown>): Promise<boolean> {
  const { promise: lingered, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, LINGER, true);
  try {
    return await Promise.race([next.then(() => false), lingered]);
  } finally {
    clearTimeout(timer);
  }
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && one.equals(other));
}

function joinLines(lines: readonly Buffer[]): Buffer<ArrayBuffer> {
  const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
  const body = Buffer.allocUnsafeSlow(bytes);
  let position = 0;
  for (const line of lines) {
    position += line.copy(body, position);
    body[position++] = NEWLINE;
  }
  return body;
}
