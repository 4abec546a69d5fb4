/** A ClickHouse type taken apart: "Array(Nullable(Int64))" is Array of Nullable of Int64. */
export interface TypeTree {
  readonly name: string;
  /** Types within the parentheses; [] for what isn't a type, such as a precision or a time zone. */
  readonly inner: readonly TypeTree[];
  /** Names of a Tuple's elements, when they have names. */
  readonly names?: readonly string[];
}

/** Takes a type apart as the engine writes it. What isn't understood gives a tree without inner types. */
export function parseType(text: string): TypeTree {
  const open = text.indexOf("(");
  if (open === -1 || !text.endsWith(")")) return { name: text.trim(), inner: [] };
  const name = text.slice(0, open).trim();
  const args = splitArguments(text.slice(open + 1, -1));
  switch (name) {
    case "Nullable":
    case "LowCardinality":
    case "Array":
    case "Map":
    case "Variant":
      return { name, inner: args.map(parseType) };
    case "Nested":
    case "Tuple":
      return parseTuple(name, args);
    // Stores an aggregate's value as that value's own type, which comes last.
    case "SimpleAggregateFunction":
      return parseType(args.at(-1) ?? "");
    default:
      return { name, inner: [] };
  }
}

function parseTuple(name: string, args: readonly string[]): TypeTree {
  const elements = args.map((arg) => {
    const match = /^(`(?:[^`\\]|\\.|``)*`|[A-Za-z_]\w*)\s+(.+)$/s.exec(arg);
    if (match === null) return { type: parseType(arg) };
    return { name: unquoteName(match[1] ?? ""), type: parseType(match[2] ?? "") };
  });
  const names = elements.flatMap((element) => (element.name === undefined ? [] : [element.name]));
  const inner = elements.map((element) => element.type);
  return names.length === inner.length && names.length > 0 ? { name, inner, names } : { name, inner };
}

function unquoteName(name: string): string {
  return name.startsWith("`") ? name.slice(1, -1).replaceAll(/\\(.)|`(`)/gs, "$1$2") : name;
}

/** Splits at the commas outside of parentheses and quotes. */
function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "'" || char === "`") at = endOfQuoted(text, at);
    else if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}

function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === text[start]) return at;
  }
  return text.length;
}
