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

/** Events that are sent in one request, as NDJSON. */
export interface Batch {
  /** Counted from 0. */
  readonly number: number;
  /** The number of its first event in the whole input, counted from 0. */
  readonly firstEvent: number;
  readonly events: number;
  readonly body: Buffer<ArrayBuffer>;
}

/**
 * Gathers events into batches. A batch goes when it is full, when the input ends, or when the input pauses, so that
 * events of a slow pipe don't wait for others. Reads ahead by one chunk of the input at most.
 */
export async function* gatherBatches(
  chunks: AsyncIterable<readonly Buffer[]>,
  limits: BatchLimits,
): AsyncGenerator<Batch> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let number = 0;
  let firstEvent = 0;

  const take = (): Batch => {
    const batch = { number, firstEvent, events: pending.length, body: joinLines(pending, pendingBytes) };
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
      for (const event of result.value) {
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

function joinLines(lines: readonly Buffer[], bytes: number): Buffer<ArrayBuffer> {
  const body = Buffer.allocUnsafeSlow(bytes);
  let position = 0;
  for (const line of lines) {
    position += line.copy(body, position);
    body[position++] = NEWLINE;
  }
  return body;
}
