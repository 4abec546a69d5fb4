import { startClickHouse } from "../../../support/clickhouse-server.ts";
import { openStore } from "../../../../src/store/open-store.ts";
import { describeStoreContract } from "../../contract.ts";
import { CLICKHOUSE_WORDS } from "../../words.ts";

describeStoreContract(
  "ClickHouse, over HTTP",
  async () => {
    const server = await startClickHouse();
    const store = await openStore(server.url(), { folder: "" });
    const close = store.close.bind(store);
    return Object.assign(store, {
      close: async () => {
        await close();
        await server.remove();
      },
    });
  },
  CLICKHOUSE_WORDS,
);
