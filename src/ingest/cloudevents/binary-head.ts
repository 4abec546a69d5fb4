import type { IncomingMessage } from "node:http";
import type { EventError } from "../../project/event-validator.ts";
import { checkCharsetOf } from "../media-type.ts";
import { invalidAttribute, REQUIRED_ATTRIBUTES, type Attributes } from "./attributes.ts";
import { decodeHeaderValue } from "./header-value.ts";

/** What the headers of a CloudEvent in binary mode say: the body is its data. */
export interface BinaryHead {
  readonly attributes: Attributes;
  /** Headers that can't be read as attributes. */
  readonly errors: readonly EventError[];
}

const PREFIX = "ce-";

/**
 * Reads the `ce-` headers; undefined when the request has none of those that every CloudEvent has, and so is none. The
 * Content-Type is the attribute `datacontenttype`.
 * @throws HeadraceError `body_unreadable` for another charset than UTF-8.
 */
export function readBinaryHead(request: IncomingMessage): BinaryHead | undefined {
  const { headers } = request;
  if (REQUIRED_ATTRIBUTES.every((name) => headers[PREFIX + name] === undefined)) return undefined;
  const attributes = new Map<string, string>();
  const errors: EventError[] = [];
  for (const [header, values = []] of Object.entries(request.headersDistinct)) {
    if (!header.startsWith(PREFIX)) continue;
    const name = header.slice(PREFIX.length);
    const [value = "", ...others] = values;
    const text = decodeHeaderValue(value);
    if (others.length > 0) errors.push(invalidAttribute(name, `the header ${header} is there twice`));
    else if (text === undefined) errors.push(invalidAttribute(name, `the header ${header} isn't UTF-8`));
    else attributes.set(name, text);
  }
  const contentType = headers["content-type"];
  // Whatever a header ce-datacontenttype says: the binding has no such header.
  attributes.delete("datacontenttype");
  if (contentType !== undefined) {
    checkCharsetOf(contentType);
    attributes.set("datacontenttype", contentType);
  }
  return { attributes, errors };
}
