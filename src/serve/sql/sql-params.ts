import { HeadraceError } from "../../errors.ts";
import type { BoundSql, BoundText } from "../../project/sql.ts";
import { formatDatetime, parseDatetime } from "../../project/validate/datetime.ts";

/** Names that a parameter may have: they stand in the SQL as `{name:Type}`. */
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
const PARAMS_MAX = 1000;
const NESTING_MAX = 8;

/** Where the SQL says a parameter's type: `{from:DateTime64(3)}`. */
const PLACE = /\{\s*(\w+)\s*:\s*([^{}]+?)\s*\}/g;

/**
 * The parameters of an SQL text, from JSON: strings, numbers, booleans, null and lists of them. Their types stand in the
 * SQL. Datetimes with a zone are put into UTC, as the engine reads them.
 * @throws HeadraceError `bad_parameter`
 */
export function sqlParams(text: string, value: unknown): BoundSql["params"] {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw bad("params", "params must be a JSON object");
  const entries = Object.entries(value);
  if (entries.length > PARAMS_MAX) throw bad("params", `There may be ${PARAMS_MAX} parameters at most`);
  const types = new Map([...text.matchAll(PLACE)].map(([, name = "", type = ""]) => [name, type]));
  return Object.fromEntries(
    entries.map(([name, one]: [string, unknown]) => {
      if (!NAME.test(name)) {
        throw bad(name, `"${name.slice(0, 80)}" can't be a parameter's name: use letters, digits and _`);
      }
      // Only for how the value is written: what counts is what the engine reads in the SQL.
      const type = types.get(name) ?? "";
      return [name, { type, value: textOf({ name, isDatetime: type.includes("DateTime") }, one, 0) }];
    }),
  );
}

interface Parameter {
  readonly name: string;
  readonly isDatetime: boolean;
}

function textOf(parameter: Parameter, value: unknown, depth: number): BoundText {
  const { name, isDatetime } = parameter;
  if (value === null) return null;
  if (typeof value === "string") return isDatetime ? withoutZone(value) : value;
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isInteger(value) || Number.isSafeInteger(value)) return String(value);
    throw bad(name, `Parameter "${name}" is beyond 53 bits: send it as a string of digits`);
  }
  if (!Array.isArray(value) || depth === NESTING_MAX) {
    throw bad(name, `Parameter "${name}" must be a string, number, boolean, null or a list of them`);
  }
  return value.map((item: unknown) => textOf(parameter, item, depth + 1));
}

/** "2001-02-03T04:05:06+01:00" as "2001-02-03 03:05:06"; anything else as it is. */
function withoutZone(text: string): string {
  const instant = parseDatetime(text);
  if (instant === undefined || instant.zone === "") return text;
  return formatDatetime(instant, instant.fraction.length).replace("T", " ");
}

function bad(parameter: string, message: string): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter: parameter.slice(0, 80) } });
}
