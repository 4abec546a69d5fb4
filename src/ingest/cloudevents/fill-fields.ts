import type { EventType } from "../../project/wire-type.ts";
import type { JsonNode } from "../../project/validate/json-node.ts";
import { JsonBuffer } from "../json-buffer.ts";
import { textFormOf, writeTextAsJson, type TextForm } from "../text-to-json.ts";
import type { Attributes } from "./attributes.ts";

/** Fills the fields that say `.meta({ cloudevent: "time" })` from the attributes where an event's data lacks them. */
export class FieldFiller {
  readonly #fields: readonly Filled[];
  readonly #json = new JsonBuffer();

  constructor(type: EventType) {
    this.#fields = type.fields.flatMap(({ name, cloudEvent, type: fieldType }) =>
      cloudEvent === undefined ? [] : [{ name, attribute: cloudEvent, form: textFormOf(fieldType) }],
    );
  }

  /** Whether there is a field that these attributes could fill. */
  concerns(attributes: Attributes): boolean {
    return this.#fields.some(({ attribute }) => attributes.has(attribute));
  }

  /**
   * The event's JSON: its data with the fields that it lacks, each member as it was written. Data that isn't an object stays
   * as it is, for the validator to refuse; an event without data is an object of attributes alone.
   */
  fill(data: JsonNode | undefined, attributes: Attributes): string {
    if (data !== undefined && data.kind !== "null" && data.kind !== "object") return textOf(data);
    const members = data?.kind === "object" ? data.members : new Map<string, JsonNode>();
    const filled = this.#fields.flatMap(({ name, attribute, form }) => {
      const value = attributes.get(attribute);
      // Absent and null are one thing.
      const lacks = (members.get(name)?.kind ?? "null") === "null";
      return value === undefined || !lacks ? [] : [{ name, json: this.#toJson(form, value) }];
    });
    if (filled.length === 0) return data?.kind === "object" ? textOf(data) : "{}";
    const names = new Set(filled.map(({ name }) => name));
    const kept = [...members].filter(([name]) => !names.has(name));
    return `{${[
      ...kept.map(([name, node]) => `${JSON.stringify(name)}:${textOf(node)}`),
      ...filled.map(({ name, json }) => `${JSON.stringify(name)}:${json}`),
    ].join(",")}}`;
  }

  #toJson(form: TextForm, value: string): string {
    const text = Buffer.from(value);
    this.#json.clear();
    writeTextAsJson(form, text, 0, text.length, this.#json);
    return this.#json.bytes.toString("utf8", 0, this.#json.length);
  }
}

interface Filled {
  readonly name: string;
  readonly attribute: string;
  readonly form: TextForm;
}

/** The value's own characters. */
export function textOf(node: JsonNode): string {
  return node.source.slice(node.start, node.end);
}
