import { describe } from "vitest";
import { rejectedTable } from "../../../../src/rejected/rejected-table.ts";
import { openStore } from "../../../../src/store/open-store.ts";
import { tableSpec } from "../../../../src/store/table-spec.ts";
import { describeExactlyOnce } from "../../../load/exactly-once.ts";
import { plain, unique } from "../../../load/support.ts";
import { startClickHouse } from "../../../support/clickhouse-server.ts";
import { create } from "../../support.ts";

describe("a loader over ClickHouse's HTTP", () => {
  describeExactlyOnce(async () => {
    const server = await startClickHouse();
    const store = await openStore(server.url(), { folder: "" });
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
