import { openTemporaryStore } from "../../../src/store/open-store.ts";
import { describeStoreContract } from "../contract.ts";
import { CLICKHOUSE_WORDS } from "../words.ts";

describeStoreContract("ClickHouse, embedded", () => openTemporaryStore(), CLICKHOUSE_WORDS);
