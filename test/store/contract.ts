import { afterAll, beforeAll, describe } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { describeErase } from "./contract/erase.ts";
import { describeIds } from "./contract/ids.ts";
import { describeInsert } from "./contract/insert.ts";
import { describeLimits } from "./contract/limits.ts";
import { describeMigrate } from "./contract/migrate.ts";
import { describeQuery } from "./contract/query.ts";
import { describeValues } from "./contract/values.ts";
import type { StoreWords } from "./words.ts";

/** Runs what every store must do. `open` gives an empty store; `words` are what of SQL differs between engines. */
export function describeStoreContract(name: string, open: () => Promise<Store>, words: StoreWords): void {
  describe(`the store contract: ${name}`, () => {
    let opened: Store | undefined;
    const store = (): Store => {
      if (opened === undefined) throw new Error("the store isn't open");
      return opened;
    };
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened?.close();
    });

    describeMigrate(store, words);
    describeInsert(store, words);
    describeValues(store, words);
    describeIds(store, words);
    describeErase(store, words);
    describeQuery(store, words);
    describeLimits(store, words);
  });
}
