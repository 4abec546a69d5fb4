import { HeadraceError } from "../errors.ts";

/** Where a page of rejected events ended. */
export interface RejectedCursor {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly log: string;
  readonly partition: number;
  readonly offset: number;
}

/** Text that stands in a URL as it is. Callers are not to read it: its form may change. */
export function encodeCursor(cursor: RejectedCursor): string {
  return Buffer.from(JSON.stringify([cursor.time, cursor.log, cursor.partition, cursor.offset])).toString(
    "base64url",
  );
}

/** Throws `bad_parameter` when it isn't one of ours. */
export function decodeCursor(text: string): RejectedCursor {
  const fields = parse(text);
  if (Array.isArray(fields) && fields.length === 4) {
    const [time, log, partition, offset] = fields as unknown[];
    if (isCount(time) && typeof log === "string" && isCount(partition) && isCount(offset)) {
      return { time, log, partition, offset };
    }
  }
  throw new HeadraceError("bad_parameter", "cursor must be the `next` of an earlier page", {
    details: { parameter: "cursor" },
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString());
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
