import { isUtf8 } from "node:buffer";
import { ERRORS_PER_EVENT_MAX, type EventError } from "../../project/event-validator.ts";
import { describeNode, type JsonNode } from "../../project/validate/json-node.ts";
import { isEventError, readJson } from "../../project/validate/read-json.ts";
import { KIB } from "../../units.ts";
import type { SourceContext } from "../event-source.ts";
import { attributeErrors, eventKey, invalidAttribute, type Attributes } from "./attributes.ts";

/** A CloudEvent as it stands in a JSON document: its attributes and its data side by side. */
export interface Envelope {
  readonly attributes: Attributes;
  readonly data: JsonNode | undefined;
  /** Why it can't be an event; none when its data can be judged. */
  readonly errors: readonly EventError[];
  readonly key: string | undefined;
}

/** What attributes may take beside the event itself. */
const ATTRIBUTES_BYTES_MAX = 64 * KIB;

/** The attributes that CloudEvents defines, all of which are strings in JSON. */
const STRINGS = new Set([
  "specversion",
  "id",
  "source",
  "type",
  "subject",
  "time",
  "dataschema",
  "datacontenttype",
]);

/** Reads the envelope that the bytes are, by the CloudEvents JSON format. */
export function readEnvelope(bytes: Buffer, limits: SourceContext["limits"]): Envelope {
  const max = limits.eventBytesMax + ATTRIBUTES_BYTES_MAX;
  if (bytes.length > max) {
    return unreadable("too_large", `the CloudEvent has ${bytes.length} bytes; at most ${max} are taken`);
  }
  if (!isUtf8(bytes)) return unreadable("invalid_utf8", "the bytes aren't UTF-8");
  // One deeper than an event: the envelope is an object around it.
  const node = readJson(bytes.toString("utf8"), limits.nestingMax + 1);
  if (isEventError(node)) return { attributes: new Map(), data: undefined, errors: [node], key: undefined };
  if (node.kind !== "object") {
    return unreadable("invalid_cloudevent", `a CloudEvent is an object, got ${describeNode(node)}`);
  }
  return readMembers(node.members);
}

function readMembers(members: ReadonlyMap<string, JsonNode>): Envelope {
  const attributes = new Map<string, string>();
  const errors: EventError[] = [];
  for (const [name, node] of members) {
    if (name === "data" || name === "data_base64" || node.kind === "null") continue;
    const text = attributeText(name, node);
    if (text !== undefined) attributes.set(name, text);
    else errors.push(invalidAttribute(name, `expected ${expected(name)}, got ${describeNode(node)}`));
  }
  const bad = new Set(errors.map(({ path }) => path));
  errors.push(...attributeErrors(attributes).filter(({ path }) => !bad.has(path)));
  if ((members.get("data_base64")?.kind ?? "null") !== "null") {
    errors.push(invalidAttribute("data_base64", "an event's data is JSON here, not bytes: send it in data"));
  }
  return {
    attributes,
    data: members.get("data"),
    errors: errors.slice(0, ERRORS_PER_EVENT_MAX),
    key: eventKey(attributes),
  };
}

/** The text of an attribute, by its canonical form; undefined when it is of another type than it may be. */
function attributeText(name: string, node: JsonNode): string | undefined {
  if (node.kind === "string") return node.value;
  if (STRINGS.has(name)) return undefined;
  if (node.kind === "number") return node.text;
  return node.kind === "boolean" ? String(node.value) : undefined;
}

function expected(name: string): string {
  return STRINGS.has(name) ? "a string" : "a string, a number or a boolean";
}

function unreadable(code: string, message: string): Envelope {
  return {
    attributes: new Map(),
    data: undefined,
    errors: [{ path: "", code, message }],
    key: undefined,
  };
}
