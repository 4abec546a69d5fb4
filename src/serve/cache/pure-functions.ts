import { MIB, SECOND } from "../../units.ts";
import type { Store } from "../../store/store.ts";
import { readRows } from "../read-rows.ts";
import { pureInPostgres } from "./pure-in-postgres.ts";

/** Names of functions, in lower case, whose result depends on their arguments alone. */
export interface PureFunctions {
  has(name: string): boolean;
}

/** Nothing is pure: what holds for an engine that can't be asked. */
export const NO_PURE_FUNCTIONS: PureFunctions = { has: () => false };

/** The engine calls these deterministic, but they fill in what a text leaves out from today's date, or sample. */
const IMPURE = [/^parsedatetime.*besteffort/, /^grouparraysample/];

/** The engine calls `arrayJoin` not deterministic because it changes the number of rows; the rest are the parser's own. */
const PURE = [
  "arrayjoin",
  "unnest",
  "grouping",
  "date_add",
  "dateadd",
  "date_sub",
  "datesub",
  "timestamp_add",
  "timestampadd",
  "timestamp_sub",
  "timestampsub",
];

/** Endings that make one aggregate function into another, as in `sumIf` or `uniqArrayIf`. */
const COMBINATOR =
  /(?:simplestate|ordefault|distinct|resample|foreach|argmax|argmin|ornull|tuple|merge|state|array|null|map|if)$/;

const FUNCTIONS_SQL =
  "SELECT lower(name) AS function, max(is_aggregate) AS aggregate, " +
  "min(ifNull(deterministic, 0) OR is_aggregate) AS pure FROM system.functions WHERE origin = 'System' GROUP BY function";

const LIMITS = { time: 10 * SECOND, memory: 512 * MIB, rows: 10_000, bytes: MIB };

/** Asks the engine which functions are pure. */
export async function pureFunctions(store: Store): Promise<PureFunctions> {
  if (store.capabilities.dialect === "postgres") return pureInPostgres(store);
  const pure = new Set(PURE);
  const aggregates = new Set<string>();
  const rows = await readRows(store, { text: FUNCTIONS_SQL, params: {} }, LIMITS);
  for (const { function: name, aggregate, pure: isPure } of rows) {
    if (typeof name !== "string" || isPure !== 1 || IMPURE.some((one) => one.test(name))) continue;
    pure.add(name);
    if (aggregate === 1) aggregates.add(name);
  }
  return {
    has(name) {
      return pure.has(name) || aggregates.has(withoutCombinators(name, aggregates));
    },
  };
}

function withoutCombinators(name: string, aggregates: ReadonlySet<string>): string {
  let base = name;
  while (!aggregates.has(base)) {
    const shorter = base.replace(COMBINATOR, "");
    if (shorter === base) return base;
    base = shorter;
  }
  return base;
}
