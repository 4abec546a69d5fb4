/** A JSON value as it was written: numbers keep their characters, objects the order of their members. */
export type JsonNode = JsonSource &
  (
    | { readonly kind: "null" }
    | { readonly kind: "boolean"; readonly value: boolean }
    /** `text` as it stands in the source. */
    | { readonly kind: "number"; readonly text: string }
    | { readonly kind: "string"; readonly value: string }
    | { readonly kind: "array"; readonly items: readonly JsonNode[] }
    | { readonly kind: "object"; readonly members: ReadonlyMap<string, JsonNode> }
  );

/** Where the value stands: `source` from `start` to before `end`. */
interface JsonSource {
  readonly source: string;
  readonly start: number;
  readonly end: number;
}

/** Characters of a value that a message shows. */
const SHOWN_MAX = 40;

/** A value in short, for a message: `"late"`, `1e400`, `an object`. */
export function describeNode(node: JsonNode): string {
  switch (node.kind) {
    case "null":
      return "null";
    case "boolean":
      return String(node.value);
    case "number":
      return shorten(node.text);
    case "string":
      return describeText(node.value);
    case "array":
      return "an array";
    case "object":
      break;
  }
  return "an object";
}

/** A text in quotes, shortened. */
export function describeText(text: string): string {
  return JSON.stringify(shorten(text));
}

function shorten(text: string): string {
  if (text.length <= SHOWN_MAX) return text;
  // Never half a surrogate pair.
  return `${text.slice(0, SHOWN_MAX).toWellFormed()}…`;
}

/** "1 item", "2 items". */
export function counted(count: number | bigint, noun: string): string {
  return `${count} ${noun}${Number(count) === 1 ? "" : "s"}`;
}

/** A JSON pointer: RFC 6901. */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
