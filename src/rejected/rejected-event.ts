import { isUtf8 } from "node:buffer";
import type { EventError } from "../project/event-validator.ts";
import { KIB } from "../units.ts";

/**
 * Events are kept whole, so that they can be replayed, but for those that were rejected for their size: of these so
 * many bytes from the beginning are kept, with a reason `truncated` that says the true size.
 */
export const OVERSIZED_EVENT_KEPT_MAX = 64 * KIB;
/** The code of an event that is larger than ingest's limit. */
const OVERSIZED = "too_large";

export interface RejectedEvent {
  readonly stream: string;
  /** The event as it came. */
  readonly raw: Buffer;
  /** Why; at least one. */
  readonly errors: readonly EventError[];
  /** Who refused it. Default "ingest". */
  readonly refusedBy?: RefusedBy;
}

export type RefusedBy = "ingest" | "store";

/**
 * One line of the table of rejected events, ending in "\n", fit for `rejected` of a batch in the log. The event is
 * kept as text, or in base64 when it isn't UTF-8.
 */
export function encodeRejected(rejected: RejectedEvent): Buffer {
  const { stream, refusedBy = "ingest" } = rejected;
  const kept = keptPart(rejected);
  const errors = rejected.errors.map(wellFormed);
  if (kept.length < rejected.raw.length) errors.push(truncation(rejected.raw.length, kept.length));
  const encoding = isUtf8(kept) ? "utf8" : "base64";
  const row = {
    stream,
    event: kept.toString(encoding),
    encoding,
    code: errors[0]?.code ?? "unknown",
    errors: JSON.stringify(errors),
    refused_by: refusedBy,
  };
  return Buffer.from(`${JSON.stringify(row)}\n`);
}

function keptPart({ raw, errors }: RejectedEvent): Buffer {
  const oversized = errors.some((error) => error.code === OVERSIZED);
  if (!oversized || raw.length <= OVERSIZED_EVENT_KEPT_MAX) return raw;
  // Not in the middle of a character: step back over its continuation bytes (10xxxxxx), of which there are 3 at most.
  let end = OVERSIZED_EVENT_KEPT_MAX;
  while (end > OVERSIZED_EVENT_KEPT_MAX - 3 && ((raw[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return raw.subarray(0, end);
}

function truncation(bytes: number, kept: number): EventError {
  return {
    path: "",
    code: "truncated",
    message: `the event has ${bytes} bytes; the first ${kept} are kept`,
  };
}

/** Messages may quote the event, and its lone surrogates have no UTF-8. */
function wellFormed(error: EventError): EventError {
  return {
    path: error.path.toWellFormed(),
    code: error.code.toWellFormed(),
    message: error.message.toWellFormed(),
  };
}
