import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openLedger } from "../../../src/load/ledger.ts";
import type { LedgerState } from "../../../src/load/ledger-state.ts";
import { loadNames, makeLoadStreams } from "../../../src/load/nats/names.ts";
import { NatsLedgers } from "../../../src/load/nats/nats-ledgers.ts";
import type { Nats } from "../../../src/nats/open-nats.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { until } from "../../support/until.ts";
import { natsWorld, type NatsWorld } from "./support.ts";

const PLACE = { stream: "flights", partition: 0 };
const begin = (offset = 0): LedgerState => ({
  storeId: "store",
  loaded: { log: "log", offset },
  inserts: [],
  refused: [],
});

const open = (from: NatsLedgers, shutOut: () => void = () => {}) =>
  openLedger(from.open(PLACE, shutOut), "the ledger");

describe.skipIf(natsMissing() !== undefined)("ledgers on JetStream", () => {
  let server: NatsServer;
  let world: NatsWorld;
  const all: NatsLedgers[] = [];
  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(() => server.remove());
  afterEach(async () => {
    await Promise.all(all.splice(0).map((one) => one.close()));
    await world.close();
  });

  async function ledgers(): Promise<NatsLedgers & { readonly nats: Nats }> {
    const nats = await world.connect();
    const one = Object.assign(new NatsLedgers(nats), { nats });
    all.push(one);
    await one.current;
    return one;
  }

  test("what one process wrote, another reads, entry by entry and after it was written anew", async () => {
    world = natsWorld(server);
    const one = await open(await ledgers());
    expect(one.state).toBeUndefined();
    await one.record({ kind: "state", state: begin() });
    await one.record({ kind: "plan", log: "log", from: 0, to: 5, duplicates: [{ from: 1, to: 2 }] });
    await one.record({ kind: "loaded", stored: 4 });
    const two = await open(await ledgers());
    expect(two.state).toEqual(one.state);
    await two.record({ kind: "plan", log: "log", from: 5, to: 6, duplicates: [] });
    expect((await open(await ledgers())).state).toEqual(two.state);
    await one.close();
  });

  test("whoever reads it shuts out who wrote it before, whatever that one writes", async () => {
    world = natsWorld(server);
    let shutOut = 0;
    const stale = await open(await ledgers(), () => (shutOut += 1));
    await stale.record({ kind: "state", state: begin() });
    const fresh = await open(await ledgers());
    const late = stale.record({ kind: "plan", log: "log", from: 0, to: 5, duplicates: [] });
    await expect(late).rejects.toMatchObject({ code: "lease_lost" });
    await expect(stale.record({ kind: "state", state: begin(9) })).rejects.toMatchObject({
      code: "lease_lost",
    });
    expect(shutOut).toBeGreaterThan(0);
    await fresh.record({ kind: "plan", log: "log", from: 0, to: 7, duplicates: [] });
    expect((await open(await ledgers())).state?.plan?.to).toBe(7);
  });

  test("an entry larger than a message is there whole or not at all", async () => {
    world = natsWorld(server);
    const first = await ledgers();
    const one = await open(first);
    await one.record({ kind: "state", state: begin() });
    const duplicates = Array.from({ length: 100_000 }, (_, n) => ({ from: 2 * n, to: 2 * n + 1 }));
    await one.record({ kind: "plan", log: "log", from: 0, to: 200_000, duplicates });
    const two = await open(await ledgers());
    expect(two.state?.plan?.duplicates).toHaveLength(100_000);
    // A writer that dies after the first of two messages.
    const names = loadNames(world.prefix);
    const { headers } = await import("@nats-io/transport-node");
    const cut = headers();
    cut.set("Headrace-Kind", "whole");
    cut.set("Headrace-Run", "r");
    cut.set("Headrace-Part", "1/2");
    await first.nats.jetstream.publish(names.ledger(PLACE), "half of it", { headers: cut });
    const three = await open(await ledgers());
    expect(three.state).toEqual(two.state);
    await three.record({ kind: "loaded", stored: 100_000 });
    expect((await open(await ledgers())).state?.loaded.offset).toBe(200_000);
  });

  test("written anew it takes the place of what stood there, which goes", async () => {
    world = natsWorld(server);
    const own = await ledgers();
    const one = await open(own);
    for (let offset = 0; offset < 20; offset++) await one.record({ kind: "state", state: begin(offset) });
    const { ledgers: stream } = loadNames(world.prefix);
    await until(async () => (await own.nats.manager.streams.info(stream)).state.messages <= 2);
    expect((await open(await ledgers())).state?.loaded.offset).toBe(19);
  });

  test("followers are told of each entry, in order, also those that come later", async () => {
    world = natsWorld(server);
    const follower = await ledgers();
    const seen: (number | undefined)[] = [];
    follower.follow(PLACE, (state) => seen.push(state?.loaded.offset));
    expect(seen).toEqual([undefined]);
    const one = await open(await ledgers());
    for (let offset = 1; offset <= 3; offset++) await one.record({ kind: "state", state: begin(offset) });
    await until(() => seen.length === 4);
    expect(seen).toEqual([undefined, 1, 2, 3]);
    const late: (number | undefined)[] = [];
    follower.follow(PLACE, (state) => late.push(state?.loaded.offset));
    expect(late).toEqual([3]);
  });

  test("a write whose answer is lost in a restart of the server is there once, and following goes on", async () => {
    world = natsWorld(server);
    const follower = await ledgers();
    const one = await open(await ledgers());
    await one.record({ kind: "state", state: begin() });
    const writing = one.record({ kind: "plan", log: "log", from: 0, to: 5, duplicates: [] });
    await server.kill();
    await server.start();
    await server.ready();
    await writing;
    await one.record({ kind: "loaded", stored: 5 });
    let offset: number | undefined;
    follower.follow(PLACE, (state) => (offset = state?.loaded.offset));
    await until(() => offset === 5, { timeout: 9_000 });
    expect((await open(await ledgers())).state?.inserts).toHaveLength(1);
  }, 20_000);

  test("a damaged entry is told as such, and not loaded from", async () => {
    world = natsWorld(server);
    const own = await ledgers();
    const one = await open(own);
    await one.record({ kind: "state", state: begin() });
    await one.close();
    const { headers } = await import("@nats-io/transport-node");
    const odd = headers();
    odd.set("Headrace-Kind", "whole");
    odd.set("Headrace-Run", "r");
    odd.set("Headrace-Part", "1/1");
    await own.nats.jetstream.publish(loadNames(world.prefix).ledger(PLACE), "00000000 {}\n", {
      headers: odd,
    });
    await expect(open(await ledgers())).rejects.toMatchObject({ code: "ledger_corrupt" });
  });

  test("what following hasn't brought is asked for when the ledger is opened", async () => {
    world = natsWorld(server);
    const own = await ledgers();
    const one = await open(own);
    await one.record({ kind: "state", state: begin() });
    // It stops to follow, as a reader does that a server has forgotten.
    const behind = await ledgers();
    await behind.close();
    await one.record({ kind: "plan", log: "log", from: 0, to: 5, duplicates: [] });
    const two = await open(behind);
    expect(two.state?.plan?.to).toBe(5);
    await expect(one.record({ kind: "loaded", stored: 5 })).rejects.toMatchObject({ code: "lease_lost" });
  });

  test("ledgers that the servers lost are empty, and can be begun anew", async () => {
    world = natsWorld(server);
    const own = await ledgers();
    const one = await open(own);
    await one.record({ kind: "state", state: begin(7) });
    let state: LedgerState | undefined;
    own.follow(PLACE, (now) => (state = now));
    await until(() => state !== undefined);
    await own.nats.manager.streams.delete(loadNames(world.prefix).ledgers);
    await makeLoadStreams(own.nats);
    await until(() => state === undefined, { timeout: 9_000 });
    await expect(one.record({ kind: "state", state: begin(8) })).rejects.toMatchObject({
      code: "lease_lost",
    });
    const two = await open(own);
    expect(two.state).toBeUndefined();
    await two.record({ kind: "state", state: begin(9) });
    expect((await open(await ledgers())).state?.loaded.offset).toBe(9);
  }, 20_000);
});
