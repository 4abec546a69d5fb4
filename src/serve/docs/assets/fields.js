import { el } from "./elements.js";

/** An input for one parameter, with what it takes below its name. */
export function field({ name, required, schema, description, example }) {
  const choices = schema.enum ?? (schema.type === "boolean" ? [true, false] : undefined);
  const isList = schema.type === "array";
  let input;
  if (choices !== undefined) {
    const fallback = schema.default === undefined ? "–" : `default: ${schema.default}`;
    const options = choices.map((choice) => el("option", { value: String(choice) }, String(choice)));
    input = el("select", {}, ...(required ? [] : [el("option", { value: "" }, fallback)]), ...options);
  } else if (isList) {
    input = el("textarea", { rows: "2", placeholder: "one value a line" });
  } else {
    input = el("input", { type: "text", inputmode: schema.type === "integer" ? "numeric" : "text" });
    input.placeholder = schema.default === undefined ? "" : String(schema.default);
  }
  if (required) input.required = true;
  if (example !== undefined) input.value = isList ? example.join("\n") : String(example);
  const hint = description ?? describe(schema);
  return {
    name,
    label: el("label", {}, name, required ? " *" : "", el("small", {}, hint), input),
    values: () => (isList ? input.value.split("\n") : [input.value]).filter((value) => value !== ""),
  };
}

/** A schema in a few words: `integer · 1 to 1000`. */
export function describe(schema) {
  if (schema.anyOf !== undefined) return schema.anyOf.map(describe).join(" or ");
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  // A format says all: a date is always a string.
  const type = schema.format ?? [schema.type ?? "any value"].flat().join(" or ");
  const parts = [schema.type === "array" ? `array of ${describe(schema.items ?? {})}` : type];
  parts.push(...bounds(schema.minLength, schema.maxLength, " characters"));
  parts.push(...bounds(spoken(schema.minimum), spoken(schema.maximum), ""));
  return parts.join(" · ");
}

function bounds(min, max, unit) {
  if (min === undefined && max === undefined) return [];
  if (min === max) return [`${min}${unit}`];
  if (max === undefined) return [`from ${min}${unit}`];
  return [min === undefined ? `up to ${max}${unit}` : `${min} to ${max}${unit}`];
}

/** The bounds of an integer type itself say nothing. */
function spoken(bound) {
  return Math.abs(bound) >= 2 ** 31 - 1 ? undefined : bound;
}
