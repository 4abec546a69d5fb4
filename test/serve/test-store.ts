import { join } from "node:path";
import type { Project } from "../../src/project/declarations.ts";
import { rejectedTable } from "../../src/rejected/rejected-table.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { tableSpec } from "../../src/store/table-spec.ts";
import { GIB } from "../../src/units.ts";

/** The embedded store in a folder, with the tables of a project. */
export async function openTestStore(folder: string, project: Project): Promise<Store> {
  const store = await openStore("chdb:", { folder: join(folder, "store"), memory: 2 * GIB, readers: 3 });
  await store.migrate([...project.streams.map(tableSpec), rejectedTable], { dryRun: false });
  return store;
}
