import { CODES, refusal } from "./exceptions.ts";

/** How the values of a type lie in a block of the format Native. */
export type NativeLayout =
  /** So many bytes for each value. */
  | { readonly kind: "fixed"; readonly size: number }
  | { readonly kind: "string" }
  | { readonly kind: "nullable"; readonly inner: NativeLayout }
  /** Ends of lists, then what is in them, column by column: arrays, and maps as lists of keys and of values. */
  | { readonly kind: "lists"; readonly inners: readonly NativeLayout[] }
  | { readonly kind: "tuple"; readonly inners: readonly NativeLayout[] }
  | { readonly kind: "dictionary"; readonly keys: NativeLayout };

/**
 * The layout of a type as the engine writes it, such as `Array(Nullable(Int32))`.
 * @throws HeadraceError for types whose values can't be told apart without knowing them all.
 */
export function nativeLayout(type: string): NativeLayout {
  const [, name = "", , args = ""] = /^(\w+)(\((.*)\))?$/s.exec(type) ?? [];
  const fixed = FIXED.get(name) ?? fixedWith(name, args);
  if (fixed !== undefined) return { kind: "fixed", size: fixed };
  const inners = (): NativeLayout[] => splitArguments(args).map((one) => nativeLayout(withoutName(one)));
  switch (name) {
    case "String":
      return { kind: "string" };
    case "Nullable":
      return { kind: "nullable", inner: nativeLayout(args) };
    case "Array":
    case "Map":
      return { kind: "lists", inners: inners() };
    case "Nested":
      return { kind: "lists", inners: [{ kind: "tuple", inners: inners() }] };
    case "Tuple":
      return args === "" ? { kind: "fixed", size: 1 } : { kind: "tuple", inners: inners() };
    case "LowCardinality":
      // That a value is NULL is said by its place in the dictionary.
      return { kind: "dictionary", keys: nativeLayout(/^Nullable\((.*)\)$/s.exec(args)?.[1] ?? args) };
    case "SimpleAggregateFunction":
      return nativeLayout(splitArguments(args)[1] ?? "");
    default:
      throw refusal(
        CODES.notImplemented,
        `The type ${type.slice(0, 80)} can't be sent in the format Native to this client; convert it with toString`,
      );
  }
}

const FIXED: ReadonlyMap<string, number> = new Map([
  ...["Bool", "Int8", "UInt8", "Enum8", "Nothing"].map((name) => [name, 1] as const),
  ...["Int16", "UInt16", "Enum16", "Date", "BFloat16"].map((name) => [name, 2] as const),
  ...["Int32", "UInt32", "Float32", "Date32", "DateTime", "IPv4", "Time"].map((name) => [name, 4] as const),
  ...["Int64", "UInt64", "Float64", "DateTime64", "Time64"].map((name) => [name, 8] as const),
  ...["Int128", "UInt128", "UUID", "IPv6"].map((name) => [name, 16] as const),
  ...["Int256", "UInt256"].map((name) => [name, 32] as const),
]);

function fixedWith(name: string, args: string): number | undefined {
  if (name === "FixedString") return Number(args);
  if (name.startsWith("Interval")) return 8;
  if (name !== "Decimal") return undefined;
  const precision = Number(args.split(",", 1)[0]);
  return precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;
}

/** What stands between the commas of the outermost level. */
function splitArguments(args: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (const { 0: token, index } of args.matchAll(/'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]/gs)) {
    if (token === "(") depth++;
    else if (token === ")") depth--;
    else if (token === "," && depth === 0) {
      parts.push(args.slice(from, index).trim());
      from = index + 1;
    }
  }
  return [...parts, args.slice(from).trim()];
}

/** An element of a tuple may have a name before its type. */
function withoutName(element: string): string {
  return element.replace(/^(?:`(?:[^`\\]|\\.)*`|\w+) +(?=\w)/s, "");
}
