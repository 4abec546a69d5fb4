import { isUtf8 } from "node:buffer";
import { ERRORS_PER_EVENT_MAX } from "../../project/event-validator.ts";
import { isEventError, readJson } from "../../project/validate/read-json.ts";
import type { Conversion, EventSource, SourceContext } from "../event-source.ts";
import { SPLIT_DONE, textStart, type EventSplitter } from "../split/event-splitter.ts";
import { splitJson } from "../split/split-json.ts";
import { attributeErrors, eventKey } from "./attributes.ts";
import type { BinaryHead } from "./binary-head.ts";
import { readEnvelope } from "./envelope.ts";
import { FieldFiller } from "./fill-fields.ts";

/** A CloudEvent in structured mode (one object), or several in batched mode (an array): the events are in `data`. */
export function envelopeSource(
  body: Buffer,
  document: "object" | "array",
  { type, limits }: SourceContext,
): EventSource {
  const filler = new FieldFiller(type);
  return {
    splitter: splitJson(body, { events: limits.eventsMax }, document),
    convert(start, end) {
      const { attributes, data, errors, key } = readEnvelope(body.subarray(start, end), limits);
      return errors.length > 0 ? { errors, ...keyed(key) } : whole(filler.fill(data, attributes), key);
    },
  };
}

/** A CloudEvent in binary mode: the headers are its attributes, the body is its data. */
export function binarySource(
  body: Buffer,
  { attributes, errors: headErrors }: BinaryHead,
  { type, limits }: SourceContext,
): EventSource {
  const filler = new FieldFiller(type);
  const key = eventKey(attributes);
  const missing = attributeErrors(attributes);
  const bad = new Set(headErrors.map(({ path }) => path));
  const errors = [...headErrors, ...missing.filter(({ path }) => !bad.has(path))].slice(
    0,
    ERRORS_PER_EVENT_MAX,
  );
  return {
    splitter: wholeBody(body),
    convert(start, end) {
      if (errors.length > 0) return { errors, ...keyed(key) };
      if (start === end) return whole(filler.fill(undefined, attributes), key);
      const asItIs = { json: body, start, end, ...keyed(key) };
      // What is too large or no JSON is the validator's to refuse, with its usual reasons.
      if (!filler.concerns(attributes) || end - start > limits.eventBytesMax) return asItIs;
      const bytes = body.subarray(start, end);
      const data = isUtf8(bytes) ? readJson(bytes.toString("utf8"), limits.nestingMax) : undefined;
      return data === undefined || isEventError(data) ? asItIs : whole(filler.fill(data, attributes), key);
    },
  };
}

function whole(event: string, key: string | undefined): Conversion {
  const json = Buffer.from(event);
  return { json, start: 0, end: json.length, ...keyed(key) };
}

function keyed(key: string | undefined): { readonly key?: string } {
  return key === undefined ? {} : { key };
}

/** The body as one event, whatever it holds. */
function wholeBody(body: Buffer): EventSplitter {
  const ranges = Int32Array.of(textStart(body), body.length);
  let given = false;
  return {
    ranges,
    next() {
      if (given) return SPLIT_DONE;
      given = true;
      return 1;
    },
  };
}
