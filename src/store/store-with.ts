import type { Store } from "./store.ts";

/** A store with some of its methods replaced. */
export function storeWith(store: Store, changes: Partial<Store>): Store {
  return {
    capabilities: store.capabilities,
    migrate: (...args) => store.migrate(...args),
    insert: (...args) => store.insert(...args),
    fits: (...args) => store.fits(...args),
    present: (...args) => store.present(...args),
    findIds: (...args) => store.findIds(...args),
    ...(store.keepIds === undefined ? {} : { keepIds: store.keepIds.bind(store) }),
    scanIds: (...args) => store.scanIds(...args),
    forgetIds: (...args) => store.forgetIds(...args),
    erase: (...args) => store.erase(...args),
    query: (...args) => store.query(...args),
    describe: (...args) => store.describe(...args),
    beginRebuild: (...args) => store.beginRebuild(...args),
    clock: () => store.clock(),
    close: () => store.close(),
    ...changes,
  };
}
