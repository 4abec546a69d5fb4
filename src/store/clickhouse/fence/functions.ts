import { readFileSync } from "node:fs";
import type { ClickHouseConnection } from "../connection.ts";

/** What is known about functions by their names; names differ by more than their case. */
export interface KnownFunctions {
  /** Whether SQL from outside may call it. */
  isAllowed(name: string): boolean;
  /** Whether there is such a function at all: the engine takes a bare name for it, too. */
  exists(name: string): boolean;
}

/** Reviewed by hand: a test fails when the engine has a function that is in neither file. One name a line, sorted. */
export const ALLOWED_FUNCTIONS = readNames("functions-allowed.txt");
export const REFUSED_FUNCTIONS = readNames("functions-refused.txt");

/** What the parser makes of syntax, and the engine doesn't list as a function. */
const SYNTAX_FUNCTIONS = ["exists", "grouping", "untuple"];

/** Endings that make one aggregate function into another, as in `sumIf`: the engine's whole list. */
export const COMBINATORS =
  "ArgMax ArgMin Array Distinct ForEach If Map Merge Null OrDefault OrNull Resample SimpleState State Tuple".split(
    " ",
  );
/** Endings one after the other. */
const COMBINATORS_MAX = 4;

/** Asks the engine what it has, so that what is new in it is refused even where the lists don't know it. */
export async function openFunctions(connection: Pick<ClickHouseConnection, "run">): Promise<KnownFunctions> {
  const rows = await connection.run("SELECT name, is_aggregate FROM system.functions", "TabSeparated");
  const there = rows
    .toString()
    .split("\n")
    .map((row) => row.split("\t"));
  const names = new Set(there.map(([name = ""]) => name.toLowerCase()));
  const aggregates = new Set(
    there.flatMap(([name = "", aggregate]) => (aggregate === "1" ? [name.toLowerCase()] : [])),
  );
  const allowed = new Set([...ALLOWED_FUNCTIONS, ...SYNTAX_FUNCTIONS].map((name) => name.toLowerCase()));
  const refused = new Set(REFUSED_FUNCTIONS.map((name) => name.toLowerCase()));
  return {
    isAllowed: (name) => {
      const lower = name.toLowerCase();
      if (allowed.has(lower)) return true;
      // Only of what isn't a function by itself: a whole name is never taken apart.
      if (names.has(lower) || refused.has(lower)) return false;
      const base = withoutCombinators(lower, aggregates);
      return base !== undefined && allowed.has(base);
    },
    exists: (name) => names.has(name.toLowerCase()) || refused.has(name.toLowerCase()),
  };
}

/** The aggregate function that a name with endings is made of. */
function withoutCombinators(name: string, aggregates: ReadonlySet<string>): string | undefined {
  let rest = name;
  for (let taken = 0; taken < COMBINATORS_MAX; taken++) {
    // The longest ending first, as in OrNull and Null.
    const ending = ENDINGS.find((one) => rest.endsWith(one));
    if (ending === undefined) return undefined;
    rest = rest.slice(0, -ending.length);
    if (aggregates.has(rest)) return rest;
  }
  return undefined;
}

const ENDINGS = COMBINATORS.map((one) => one.toLowerCase()).sort((a, b) => b.length - a.length);

function readNames(file: string): readonly string[] {
  return readFileSync(new URL(file, import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
}
