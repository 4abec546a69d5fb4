import { messageOf } from "../../errors.ts";
import { compileSql } from "../../project/compile-sql.ts";
import type { Project, Stream } from "../../project/declarations.ts";
import { sql } from "../../project/sql.ts";
import { verifyEndpoints, type EndpointCheck } from "../../serve/verify-endpoints.ts";
import { openTemporaryStore } from "../../store/open-store.ts";
import type { Store } from "../../store/store.ts";
import { tableSpec } from "../../store/table-spec.ts";
import { slowFields } from "./slow-fields.ts";

/** What `headrace check` found; its JSON output has this shape. */
export interface ProjectReport {
  readonly project: string;
  readonly ok: boolean;
  readonly streams: readonly StreamReport[];
  readonly endpoints: readonly EndpointReport[];
}

export interface StreamReport {
  readonly name: string;
  readonly ok: boolean;
  /** The table's columns with the store's types, Headrace's own left out. */
  readonly columns: readonly ReportedColumn[];
  readonly problems: readonly string[];
  /** What works and is worth knowing. */
  readonly notes: readonly string[];
}

export interface EndpointReport extends StreamReport {}

export interface ReportedColumn {
  readonly name: string;
  readonly type: string;
}

/**
 * Creates the project's tables in a temporary store of the engine that the URL names (default: the embedded one) and verifies
 * every endpoint against it.
 */
export async function checkProject(project: Project, storeUrl?: string): Promise<ProjectReport> {
  const store = await openTemporaryStore({}, storeUrl);
  try {
    const streams: StreamReport[] = [];
    for (const stream of project.streams) streams.push(await checkStream(stream, store));
    const endpoints = (await verifyEndpoints(project, store)).map(reportEndpoint);
    const ok = [...streams, ...endpoints].every((one) => one.ok);
    return { project: project.name, ok, streams, endpoints };
  } finally {
    await store.close();
  }
}

async function checkStream(stream: Stream, store: Store): Promise<StreamReport> {
  const slow = slowFields(stream);
  const notes = slow.map((path) =>
    path === ""
      ? "a refinement of the whole event makes validation slower"
      : `${path} is validated by Zod alone, which is slower`,
  );
  try {
    const plan = await store.migrate([tableSpec(stream)], { dryRun: false });
    const columns = await store.describe(
      compileSql(sql`SELECT * FROM ${stream}`, store.capabilities.dialect),
    );
    return {
      name: stream.name,
      ok: plan.refused.length === 0,
      columns: columns.filter(({ name }) => !name.startsWith("_")).map(reportColumn),
      problems: plan.refused,
      notes,
    };
  } catch (error) {
    return { name: stream.name, ok: false, columns: [], problems: [messageOf(error)], notes };
  }
}

function reportEndpoint(check: EndpointCheck): EndpointReport {
  const problems = check.tried.flatMap(({ given, error }) => {
    if (error === undefined) return [];
    return [given.length === 0 ? error : `with ${given.join(", ")}: ${error}`];
  });
  return {
    name: check.endpoint,
    ok: check.ok,
    columns: check.columns.map(reportColumn),
    problems,
    notes: check.untried.map((name) => `${name} wasn't tried: give a value with .meta({ examples: [ … ] })`),
  };
}

function reportColumn({ name, type }: ReportedColumn): ReportedColumn {
  return { name, type };
}
