import { afterAll, beforeAll, expect, test } from "vitest";
import { DAY, HOUR, SECOND } from "../../src/units.ts";
import { storeWith } from "../../src/store/store-with.ts";
import { openTestStore, type TestStore } from "../support/test-store.ts";
import { until } from "../support/until.ts";
import { append, openWorld, plain, select, unique } from "./support.ts";

let shared: TestStore;
beforeAll(async () => {
  shared = await openTestStore([plain, unique]);
});
afterAll(() => shared.destroy());

/** The machine's clock, set by so much, and the time that has surely come. */
class Clock {
  set = 0;
  readonly now = () => Date.now() + this.set;
  readonly sure = () => Date.now() + Math.min(0, this.set);
}

test("an id counts once through a clock that is set ahead by 10 days and back", async () => {
  const world = await openWorld(shared.store, [unique]);
  const clock = new Clock();
  let loader = world.loader({ clock: clock.now, sure: clock.sure });
  await loader.start();
  const send = async (n: number) => {
    await append(world.log, "unique", [{ id: "jump", n }], { acceptedAt: clock.now() });
    await until(() => loader.status("unique").lagEvents === 0);
  };
  await send(1);
  clock.set = 10 * DAY;
  await send(2);
  // The filter is another one after a restart.
  await loader.stop();
  loader = world.loader({ clock: clock.now, sure: clock.sure });
  await loader.start();
  await send(3);
  clock.set = 0;
  await send(4);
  expect(await select(shared.store, "SELECT n FROM unique WHERE id = 'jump'")).toEqual([{ n: 1 }]);
  await loader.stop();
  await world.close();
});

test("freshness and lag are what they were although the clock is set by 10 days between accept and load", async () => {
  for (const set of [10 * DAY, -10 * DAY]) {
    const world = await openWorld(shared.store, [plain]);
    const clock = new Clock();
    const gate = Promise.withResolvers<void>();
    const fresh: number[] = [];
    const loader = world.loader({
      clock: clock.now,
      sure: clock.sure,
      observer: { fresh: (_stream, freshness) => fresh.push(freshness) },
      store: storeWith(shared.store, {
        insert: async (table, batch) => {
          await gate.promise;
          await shared.store.insert(table, batch);
        },
      }),
    });
    await loader.start();
    await append(world.log, "plain", [{ n: 1 }], { acceptedAt: clock.now() });
    await until(() => loader.status("plain").lagAge > 0);
    clock.set = set;
    expect(loader.status("plain").lagAge).toBeLessThan(10 * SECOND);
    gate.resolve();
    await until(() => loader.status("plain").lagEvents === 0);
    await append(world.log, "plain", [{ n: 2 }], { acceptedAt: clock.now() });
    await until(() => loader.status("plain").lagEvents === 0);
    await loader.stop();
    expect(fresh).toHaveLength(2);
    expect(Math.max(...fresh)).toBeLessThan(10 * SECOND);
    await world.close();
  }
});

test("what waited while no server ran tells its true age", async () => {
  const world = await openWorld(shared.store, [plain]);
  await append(world.log, "plain", [{ n: 1 }], { acceptedAt: Date.now() - 3 * DAY });
  const fresh: number[] = [];
  const loader = world.loader({
    sure: () => Date.now() - 3 * DAY,
    observer: { fresh: (_stream, freshness) => fresh.push(freshness) },
  });
  await loader.start();
  await until(() => fresh.length > 0);
  expect(fresh[0]).toBeGreaterThan(3 * DAY - HOUR);
  await loader.stop();
  await world.close();
});

test("the store is told which ids it may forget by the time that has surely come, and loading doesn't depend on it", async () => {
  const world = await openWorld(shared.store, [unique]);
  const asked: number[] = [];
  const sure = Date.now() - 2 * DAY;
  const loader = world.loader({
    sure: () => sure,
    store: storeWith(shared.store, {
      forgetIds: (_table, before) => {
        asked.push(before);
        return Promise.reject(new Error("injected"));
      },
    }),
  });
  await loader.start();
  for (const n of [1, 2, 3]) {
    await append(world.log, "unique", [{ id: `forget ${n}`, n }]);
    await until(() => loader.status("unique").lagEvents === 0);
  }
  await loader.stop();
  expect(asked).toEqual([sure - HOUR]);
  await world.close();
});
