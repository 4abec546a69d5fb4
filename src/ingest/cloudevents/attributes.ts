import { createHash } from "node:crypto";
import type { EventError } from "../../project/event-validator.ts";
import { describeText, pointer } from "../../project/validate/json-node.ts";
import { isJsonType } from "../media-type.ts";

/**
 * The context attributes of a CloudEvent by name, each as the text that CloudEvents gives its type: what an event says is then
 * the same in every mode. Extensions are among them.
 */
export type Attributes = ReadonlyMap<string, string>;

/** Those that every event must have. */
export const REQUIRED_ATTRIBUTES = ["specversion", "id", "source", "type"] as const;

const SPEC_VERSION = "1.0";

/** What is wrong with the attributes themselves; nothing when the event's data can be looked at. */
export function attributeErrors(attributes: Attributes): EventError[] {
  const errors: EventError[] = [];
  for (const name of REQUIRED_ATTRIBUTES) {
    const value = attributes.get(name);
    if (value === undefined) errors.push(invalidAttribute(name, "the attribute is required"));
    else if (value === "") errors.push(invalidAttribute(name, "the attribute is empty"));
  }
  const version = attributes.get("specversion");
  if (version !== undefined && version !== "" && version !== SPEC_VERSION) {
    const got = describeText(version);
    errors.push(invalidAttribute("specversion", `CloudEvents ${SPEC_VERSION} are taken, got ${got}`));
  }
  const type = attributes.get("datacontenttype");
  if (type !== undefined && !isJsonType(type)) errors.push(dataNotJson("datacontenttype", type));
  return errors;
}

export function invalidAttribute(name: string, message: string): EventError {
  return { path: pointer([name]), code: "invalid_cloudevent", message };
}

/** @param name Where it says so. */
export function dataNotJson(name: string, type: string): EventError {
  return invalidAttribute(name, `an event's data is JSON here, not ${describeText(type)}`);
}

/**
 * What stands for (source, id), by which CloudEvents are told apart; undefined when one of them is missing. It begins with a
 * control character, which no Idempotency-Key may hold, so that the two kinds of keys never meet.
 */
export function eventKey(attributes: Attributes): string | undefined {
  const source = attributes.get("source") ?? "";
  const id = attributes.get("id") ?? "";
  if (source === "" || id === "") return undefined;
  return `\u0001${createHash("sha256")
    .update(JSON.stringify([source, id]))
    .digest("base64url")}`;
}
