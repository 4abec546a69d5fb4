import { compileValidator } from "../project/compile-stream.ts";
import type { Stream } from "../project/declarations.ts";
import { createWireLine } from "../project/wire-line.ts";
import { NO_EVENT_LIMITS } from "./limits.ts";

/** Tells whether a line of a log is one that today's declaration makes of an event, byte for byte. */
export function createLineJudge(stream: Stream): (line: Buffer) => boolean {
  const validator = compileValidator(stream, NO_EVENT_LIMITS);
  const wireLine = createWireLine(stream);
  return (line) => {
    let event: Buffer;
    try {
      event = wireLine(line, stream.schema);
    } catch {
      // Text that isn't even an object was never made by ingest.
      return false;
    }
    const verdict = validator.validate(event, 0, event.length);
    if (verdict !== true && !Buffer.isBuffer(verdict)) return false;
    return (verdict === true ? event : verdict).equals(line);
  };
}
