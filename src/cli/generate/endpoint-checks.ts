import { HeadraceError } from "../../errors.ts";
import type { Project } from "../../project/declarations.ts";
import { verifyEndpoints, type EndpointCheck } from "../../serve/verify-endpoints.ts";
import { openTemporaryStore } from "../../store/open-store.ts";
import { tableSpec } from "../../store/table-spec.ts";

/**
 * What the engine says of every endpoint, asked of a temporary store that has the project's tables.
 * @throws HeadraceError `check_failed` when an endpoint doesn't pass: its rows have no types then.
 */
export async function endpointChecks(project: Project, storeUrl?: string): Promise<readonly EndpointCheck[]> {
  if (project.endpoints.length === 0) return [];
  const store = await openTemporaryStore({}, storeUrl);
  try {
    await store.migrate(project.streams.map(tableSpec), { dryRun: false });
    const checks = await verifyEndpoints(project, store);
    const failed = checks.find(({ ok }) => !ok);
    if (failed === undefined) return checks;
    const { error = "" } = failed.tried.find((one) => one.error !== undefined) ?? {};
    throw new HeadraceError("check_failed", `endpoint ${failed.endpoint}: ${error}`);
  } finally {
    await store.close();
  }
}
