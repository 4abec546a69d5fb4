import { z } from "zod";
import { messageOf } from "../errors.ts";
import type { Endpoint, Project } from "../project/declarations.ts";
import { parseParams } from "../project/params.ts";
import type { ResultColumn, Store } from "../store/store.ts";
import { endpointSql } from "./endpoint-sql.ts";
import { objectJsonSchema } from "./openapi/json-schema.ts";
import { sampleValue } from "./openapi/sample-value.ts";
import { SqlKnowledge } from "./cache/sql-knowledge.ts";

/** What came of verifying one endpoint against the store. */
export interface EndpointCheck {
  readonly endpoint: string;
  /** No mix of parameters that was tried failed. */
  readonly ok: boolean;
  /** The columns of the answer, as with none of the optional parameters; [] when that failed. */
  readonly columns: readonly ResultColumn[];
  readonly tried: readonly TriedParams[];
  /** Why the cache doesn't keep the answers; undefined when it does. */
  readonly unkept?: string;
  /** Optional parameters for which no sample value could be made: nothing was tried with them. */
  readonly untried: readonly string[];
}

/** One mix of parameters. */
export interface TriedParams {
  /** Names of the parameters that were given. */
  readonly given: readonly string[];
  /** The SQL that the endpoint made of them, if it came to that. */
  readonly sql?: string;
  readonly columns?: readonly ResultColumn[];
  /** What the engine, the schema or the query function said. */
  readonly error?: string;
}

/** More optional parameters than this aren't tried each alone. */
const OPTIONAL_TRIED_MAX = 50;

/**
 * Verifies the SQL and the result types of every endpoint against a store that has the project's tables: with sample
 * values for the required parameters, and of the optional ones none, each alone, and all. Runs nothing, and throws
 * for nothing that is an endpoint's fault.
 */
export async function verifyEndpoints(project: Project, store: Store): Promise<readonly EndpointCheck[]> {
  const checks: EndpointCheck[] = [];
  const streams = project.streams.map((stream) => stream.name);
  const knowledge = new SqlKnowledge(store, streams);
  for (const endpoint of project.endpoints) checks.push(await verifyEndpoint(endpoint, store, knowledge));
  return checks;
}

async function verifyEndpoint(
  endpoint: Endpoint,
  store: Store,
  knowledge: SqlKnowledge,
): Promise<EndpointCheck> {
  const samples = samplesOf(endpoint);
  const tried: TriedParams[] = [];
  for (const values of mixes(samples)) tried.push(await tryParams(endpoint, values, store));
  const reasons = await Promise.all(
    tried.map(async ({ sql }) => (sql === undefined ? undefined : (await knowledge.traits(sql)).reason)),
  );
  const unkept = reasons.find((reason) => reason !== undefined);
  return {
    endpoint: endpoint.name,
    ok: tried.every((one) => one.error === undefined),
    columns: tried[0]?.columns ?? [],
    tried,
    ...(unkept === undefined ? {} : { unkept }),
    untried: samples.untried,
  };
}

type Values = Readonly<Record<string, unknown>>;

interface Samples {
  readonly required: Values;
  readonly optional: Values;
  readonly untried: readonly string[];
}

function samplesOf(endpoint: Endpoint): Samples {
  const { properties, required } = objectJsonSchema(endpoint.params);
  const samples = { required: {} as Record<string, unknown>, optional: {} as Record<string, unknown> };
  const untried: string[] = [];
  for (const [name, schema] of Object.entries(properties)) {
    const value = sampleValue(schema);
    if (required.includes(name)) samples.required[name] = value;
    else if (fits(endpoint, name, value)) samples.optional[name] = value;
    else untried.push(name);
  }
  return { ...samples, untried };
}

/** Whether the parameter's own schema takes the value: a made up one may break a pattern or a refinement. */
function fits(endpoint: Endpoint, name: string, value: unknown): boolean {
  const schema = endpoint.params.shape[name];
  if (value === undefined || schema === undefined) return false;
  try {
    parseParams(z.object({ [name]: schema }), { [name]: value });
    return true;
  } catch {
    return false;
  }
}

/** None of the optional ones, each alone, all. */
function mixes({ required, optional }: Samples): Values[] {
  const all = Object.entries(optional);
  const alone = all.length > 1 ? all.slice(0, OPTIONAL_TRIED_MAX) : [];
  return [
    required,
    ...alone.map(([name, value]) => ({ ...required, [name]: value })),
    ...(all.length > 0 ? [{ ...required, ...optional }] : []),
  ];
}

async function tryParams(endpoint: Endpoint, values: Values, store: Store): Promise<TriedParams> {
  const given = Object.keys(values);
  const missing = given.find((name) => values[name] === undefined);
  if (missing !== undefined) return { given, error: withoutSample(missing) };
  let sql: string | undefined;
  try {
    const bound = endpointSql(endpoint, parseParams(endpoint.params, values), store.capabilities.dialect);
    sql = bound.text;
    return { given, sql, columns: await store.describe(bound) };
  } catch (error) {
    const unfit = given.find((name) => !fits(endpoint, name, values[name]));
    const why = unfit === undefined ? messageOf(error) : withoutSample(unfit);
    return { given, ...(sql === undefined ? {} : { sql }), error: why };
  }
}

function withoutSample(name: string): string {
  return `no sample value could be made for parameter "${name}": give one with .meta({ examples: [ … ] })`;
}
