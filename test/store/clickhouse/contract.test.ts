import { openTemporaryStore } from "../../../src/store/open-store.ts";
import { describeStoreContract } from "../contract.ts";

describeStoreContract("ClickHouse, embedded", () => openTemporaryStore());
