import { describe } from "vitest";
import { rejectedTable } from "../../../src/rejected/rejected-table.ts";
import { tableSpec } from "../../../src/store/table-spec.ts";
import { describeExactlyOnce } from "../../load/exactly-once.ts";
import { plain, unique } from "../../load/support.ts";
import { postgresMissing, startPostgres } from "../../support/postgres-server.ts";
import { create } from "../support.ts";
import { openInSchema } from "./opened.ts";

describe.skipIf(postgresMissing() !== undefined)("a loader over PostgreSQL", () => {
  describeExactlyOnce(async () => {
    const server = await startPostgres({ settings: ["fsync = off"] });
    const { store } = await openInSchema(server);
    await create(store, ...[plain, unique].map(tableSpec), rejectedTable);
    return {
      store,
      async destroy() {
        await store.close();
        await server.remove();
      },
    };
  });
});
