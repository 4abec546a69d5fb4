import { z } from "zod";
import { HeadraceError } from "../errors.ts";
import { GIB, MIB, SECOND } from "../units.ts";
import type { Endpoint, EndpointLimits } from "./declarations.ts";
import { DURATION_SYNTAX, parseDuration } from "./durations.ts";
import { checkKeys } from "./known-keys.ts";
import { checkName } from "./names.ts";
import { isZodObject } from "./schema/zod-checks.ts";
import type { Sql } from "./sql.ts";

/** What one answer may cost unless the endpoint says otherwise. */
export const LIMITS_DEFAULT: EndpointLimits = Object.freeze({
  time: 10 * SECOND,
  memory: 1 * GIB,
  rows: 1_000_000,
  bytes: 256 * MIB,
});

/** Parameters of every endpoint, which its own can't be named like. */
const RESERVED_PARAMETERS = new Set(["format"]);

/** What `defineEndpoint` takes. */
export interface EndpointOptions<Params extends z.ZodObject> {
  /** One line for the documentation. Default "". */
  readonly description?: string;
  /** The parameters, as a Zod object. Default: none. */
  readonly params?: Params;
  /** Builds the SQL with the `sql` tag, from the parameters as the schema puts them out. */
  readonly query: (params: z.output<Params>) => Sql;
  /** What one answer may cost; each with a default. `time` is a duration such as "30s", or milliseconds. */
  readonly limits?: Partial<Omit<EndpointLimits, "time">> & { readonly time?: string | number };
}

/** The shape of an object without fields. */
type NoParams = z.ZodObject<Record<string, never>>;

/**
 * Declares an endpoint: a published, parameterised query. Throws HeadraceError `project_invalid` that names the endpoint
 * and what is wrong.
 */
export function defineEndpoint<Params extends z.ZodObject = NoParams>(
  name: string,
  options: EndpointOptions<Params>,
): Endpoint<Params> {
  checkName("endpoint", name);
  const invalid = (problem: string): HeadraceError =>
    new HeadraceError("project_invalid", `Endpoint "${name}": ${problem}`);
  checkKeys("", options, ["description", "params", "query", "limits"], invalid);
  const { query } = options;
  if (typeof query !== "function") throw invalid("`query` must be a function that returns sql`…`");
  const params = options.params ?? z.object({});
  checkParams(params, invalid);
  return Object.freeze({
    kind: "endpoint",
    name,
    description: options.description ?? "",
    // Without `params` the type is that of an object without fields.
    params: params as Params,
    query: (values: z.output<Params>) => query(values),
    limits: readLimits(options.limits ?? {}, invalid),
  });
}

type Limits = NonNullable<EndpointOptions<NoParams>["limits"]>;

function checkParams(params: unknown, invalid: (problem: string) => HeadraceError): void {
  if (!isZodObject(params)) throw invalid("`params` must be a z.object({…}) of Zod 4");
  for (const name of Object.keys(params._zod.def.shape)) {
    if (RESERVED_PARAMETERS.has(name)) {
      throw invalid(`a parameter can't be named "${name}": every endpoint has one of that name`);
    }
  }
}

function readLimits(declared: Limits, invalid: (problem: string) => HeadraceError): EndpointLimits {
  const { time } = declared;
  const limits = { ...declared, ...(typeof time === "string" ? { time: parseDuration(time) ?? time } : {}) };
  checkKeys("limits.", limits, Object.keys(LIMITS_DEFAULT), invalid);
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === "string")
      throw invalid(`limits.${name}: "${value}" isn't a duration, ${DURATION_SYNTAX}`);
    if (!Number.isSafeInteger(value) || value <= 0)
      throw invalid(`limits.${name} must be a whole number above 0`);
  }
  return Object.freeze({ ...LIMITS_DEFAULT, ...(limits as Partial<EndpointLimits>) });
}
