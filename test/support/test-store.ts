import type { Stream } from "../../src/project/declarations.ts";
import { rejectedTable } from "../../src/rejected/rejected-table.ts";
import { openTemporaryStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { tableSpec } from "../../src/store/table-spec.ts";

export interface TestStore {
  readonly store: Store;
  destroy(): Promise<void>;
}

/** An embedded store of its own with the tables of these streams and of rejected events. A process has one at a time. */
export async function openTestStore(streams: readonly Stream[]): Promise<TestStore> {
  const store = await openTemporaryStore();
  const { refused } = await store.migrate([...streams.map(tableSpec), rejectedTable], { dryRun: false });
  if (refused.length > 0) throw new Error(refused.join("\n"));
  return { store, destroy: () => store.close() };
}
