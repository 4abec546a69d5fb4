import { z } from "zod";
import { HeadraceError, messageOf } from "../errors.ts";
import type { EventError } from "./event-validator.ts";
import { didYouMean } from "./nearest-name.ts";
import { fromText } from "./param-text.ts";
import { asZodType } from "./schema/zod-checks.ts";
import { normaliseDatetimes } from "./param-datetimes.ts";
import { messageOfIssue, toEventError } from "./validate/zod-errors.ts";
import { emptyObject } from "./validate/judge-containers.ts";

/**
 * An endpoint's parameters as `query` sees them, from the values of a request: text from a query string (a list of
 * texts for a repeated key) or values from a JSON body. Text is converted as the schema says: "true" and "false", numbers,
 * dates, one text where an array is expected. Datetimes come out in UTC as the engine compares them with a column:
 * "2001-02-03 04:05:06.789". Null is absent.
 *
 * Throws `bad_parameter` with `details.parameter`, the first bad one, and `details.errors`, all that is wrong.
 */
export function parseParams<Params extends z.ZodObject>(
  schema: Params,
  values: Readonly<Record<string, unknown>>,
): z.output<Params> {
  const shape = (schema as z.ZodObject)._zod.def.shape;
  const input = emptyObject();
  for (const [name, value] of Object.entries(values)) {
    const type = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (type === undefined && !takesUnknown(schema)) throw unknownParameter(name, Object.keys(shape));
    if (value !== null) input[name] = type === undefined ? value : fromText(type, value);
  }
  return normaliseDatetimes(schema, parse(schema, input)) as z.output<Params>;
}

function takesUnknown(schema: z.ZodObject): boolean {
  const { catchall } = schema._zod.def;
  return catchall !== undefined && asZodType(catchall)._zod.def.type !== "never";
}

function parse(schema: z.ZodObject, input: unknown): unknown {
  let result: z.core.util.SafeParseResult<unknown>;
  try {
    result = z.safeParse(schema, input, { error: messageOfIssue });
  } catch (error) {
    throw new HeadraceError("bad_parameter", `The parameters' schema can't take them: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (result.success) return result.data;
  throw badParameters(result.error.issues.map(toEventError));
}

function unknownParameter(name: string, names: readonly string[]): HeadraceError {
  const known = names.length === 0 ? "; the endpoint takes none" : didYouMean(name, names);
  const message = `There is no parameter "${name}"${known}`;
  return badParameter(name, message, [{ path: `/${name}`, code: "unknown_field", message }]);
}

function badParameters(errors: readonly EventError[]): HeadraceError {
  const [first] = errors;
  const parameter = first?.path.split("/")[1] ?? "";
  const message = first?.message ?? "invalid";
  return badParameter(parameter, parameter === "" ? message : `Parameter "${parameter}": ${message}`, errors);
}

function badParameter(parameter: string, message: string, errors: readonly EventError[]): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter, errors } });
}
