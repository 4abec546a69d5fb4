import type { SendError, SendResult } from "./api.ts";

/** Reasons that one result lists. */
const ERRORS_MAX = 100;

/** What the server says of one batch. */
export interface BatchAnswer {
  readonly accepted: number;
  readonly rejected: number;
  /** In the order of the events; `index` is the event's place in the batch. */
  readonly errors: readonly BatchError[];
}

export type BatchError = Omit<SendError<unknown>, "event">;

/** One call of `send`: what became of its events, in however many batches they went. */
export class Sending {
  readonly promise: Promise<SendResult<unknown>>;
  /** Settled: nothing more of it is sent. */
  ended = false;
  #accepted = 0;
  #rejected = 0;
  readonly #errors: SendError<unknown>[] = [];
  #read = 0;
  #answered = 0;
  #allRead = false;
  #resolve: (result: SendResult<unknown>) => void = () => {};
  #reject: (reason: unknown) => void = () => {};

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The place of the next event. */
  next(): number {
    return this.#read++;
  }

  /** No more events will come. */
  finish(): void {
    this.#allRead = true;
    this.#settle();
  }

  /** What became of a part of its events; `errors` have their index in that part. */
  answer(part: Part, rejected: number, errors: readonly BatchError[]): void {
    this.#answered += part.lines.length;
    this.#accepted += part.lines.length - rejected;
    this.#rejected += rejected;
    for (const error of errors.slice(0, ERRORS_MAX - this.#errors.length)) {
      const event: unknown = JSON.parse(part.lines[error.index] ?? "null");
      this.#errors.push({ ...error, index: part.first + error.index, event });
    }
    this.#settle();
  }

  fail(reason: unknown): void {
    this.ended = true;
    this.#reject(reason);
  }

  #settle(): void {
    if (!this.#allRead || this.#answered < this.#read) return;
    this.ended = true;
    this.#resolve({ accepted: this.#accepted, rejected: this.#rejected, errors: this.#errors });
  }
}

/** Neighbouring events of one `send` in a batch. */
export interface Part {
  readonly sending: Sending;
  /** The place of the first in its `send`. */
  readonly first: number;
  /** The events as JSON. */
  readonly lines: string[];
  bytes: number;
}

/** Whether the answer says whose events were rejected, although the server lists only its first errors. */
export function isClear(parts: readonly Part[], { accepted, rejected, errors }: BatchAnswer): boolean {
  if (accepted === 0 || new Set(errors.map(({ index }) => index)).size === rejected) return true;
  const last = parts.at(-1)?.lines.length ?? 0;
  return (errors.at(-1)?.index ?? -1) + 1 >= accepted + rejected - last;
}

/** Tells each `send` of a batch what became of its events. The answer is clear. */
export function shareOut(parts: readonly Part[], { accepted, rejected, errors }: BatchAnswer): void {
  let from = 0;
  let unlisted = rejected - new Set(errors.map(({ index }) => index)).size;
  for (const part of parts) {
    const start = from;
    from += part.lines.length;
    const own = errors.filter(({ index }) => index >= start && index < from);
    const listed = new Set(own.map(({ index }) => index)).size;
    const more = accepted === 0 ? part.lines.length - listed : part === parts.at(-1) ? unlisted : 0;
    unlisted -= more;
    const errorsInPart = own.map((error) => ({ ...error, index: error.index - start }));
    part.sending.answer(part, listed + more, errorsInPart);
  }
}
