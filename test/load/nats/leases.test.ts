import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Lease, PartitionName } from "../../../src/load/leases.ts";
import { loadNames, makeLoadStreams } from "../../../src/load/nats/names.ts";
import { NatsLeases } from "../../../src/load/nats/nats-leases.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { until } from "../../support/until.ts";
import { natsWorld, type NatsWorld } from "./support.ts";

const TTL = 600;
const STREAMS = ["a", "b", "c", "d", "e", "f"].map((stream) => ({ stream, partition: 0 }));

/** A loader's side of the leases: holds what it is given until it is over. */
interface Taker {
  readonly leases: NatsLeases;
  readonly held: Map<string, Lease>;
  readonly lost: string[];
  readonly taken: { stream: string; epoch: number; at: number }[];
  close(): Promise<void>;
}

const sizes = (all: readonly Taker[]): number[] => all.map(({ held }) => held.size);

describe.skipIf(natsMissing() !== undefined)("leases on JetStream", () => {
  let server: NatsServer;
  let world: NatsWorld;
  const takers: Taker[] = [];
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    server = await startNatsServer();
  });
  afterAll(() => server.remove());
  afterEach(async () => {
    for (const one of children.splice(0)) {
      const exited = one.exitCode === null && one.signalCode === null ? once(one, "exit") : undefined;
      one.kill("SIGKILL");
      await exited;
    }
    await Promise.all(takers.splice(0).map((one) => one.close()));
    await world.close();
  });

  async function taker(
    partitions: readonly PartitionName[] = STREAMS,
    options: { storeClock?: () => Promise<number>; ttl?: number } = {},
  ): Promise<Taker> {
    const nats = await world.connect();
    const lost: string[] = [];
    const held = new Map<string, Lease>();
    const taken: Taker["taken"] = [];
    const leases = new NatsLeases(nats, {
      storeClock: options.storeClock ?? (async () => Date.now()),
      ttl: options.ttl ?? TTL,
      observer: { lost: ({ stream }) => lost.push(stream) },
    });
    const one = { leases, held, lost, taken, close: () => leases.close() };
    takers.push(one);
    await leases.join(partitions, (lease) => {
      held.set(lease.stream, lease);
      taken.push({ stream: lease.stream, epoch: lease.epoch, at: performance.now() });
      lease.over.addEventListener("abort", () => {
        held.delete(lease.stream);
        void lease.release();
      });
    });
    return one;
  }

  /** A taker in a process of its own, with what it said. */
  async function child(...streams: string[]): Promise<{ process: ChildProcess; said: string[] }> {
    const program = join(import.meta.dirname, "lease-child.ts");
    const args = [program, server.url(`prefix=${world.prefix}`), String(TTL), ...streams];
    const started = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(started);
    const said: string[] = [];
    createInterface({ input: started.stdout }).on("line", (line) => said.push(line));
    await until(() => said.length > 0, { timeout: 20_000 });
    return { process: started, said };
  }

  test("one process takes them all, at once, and keeps them", async () => {
    world = natsWorld(server);
    const one = await taker();
    expect([...one.held.keys()].sort()).toEqual(["a", "b", "c", "d", "e", "f"]);
    const end = performance.now() + 3 * TTL;
    await until(() => performance.now() > end);
    expect(one.held.size).toBe(6);
    expect(one.lost).toEqual([]);
    for (const lease of one.held.values()) expect(lease.until).toBeGreaterThan(Date.now());
    expect(one.leases.holder({ stream: "a", partition: 0 })).toMatchObject({ isHere: true });
  });

  test("several share them evenly, each held by one, and share again when one comes or goes", async () => {
    world = natsWorld(server);
    const one = await taker();
    const two = await taker();
    const three = await taker();
    await until(() => sizes([one, two, three]).every((size) => size === 2), { timeout: 8_000 });
    const everyone = [one, two, three].flatMap(({ held }) => [...held.keys()]).sort();
    expect(everyone).toEqual(["a", "b", "c", "d", "e", "f"]);
    await three.close();
    await until(() => sizes([one, two]).every((size) => size === 3), { timeout: 8_000 });
    // None of it was a loss: they were handed on.
    expect([one.lost, two.lost, three.lost]).toEqual([[], [], []]);
  });

  test("a clean stop hands on at once, without waiting for the lease's end", async () => {
    world = natsWorld(server);
    const one = await taker(STREAMS, { ttl: 60_000 });
    const two = await taker(STREAMS, { ttl: 60_000 });
    await until(() => two.held.size === 3);
    await one.close();
    await until(() => two.held.size === 6, { timeout: 5_000 });
    expect(two.taken.filter(({ epoch }) => epoch >= 2)).toHaveLength(6);
  });

  test("what a killed process held is taken when its lease is over, and not before", async () => {
    world = natsWorld(server);
    const nats = await world.connect();
    const dead = await child("a", "b");
    const one = await taker([
      { stream: "a", partition: 0 },
      { stream: "b", partition: 0 },
    ]);
    await until(() => one.held.size === 1, { timeout: 8_000 });
    dead.process.kill("SIGKILL");
    const from = performance.now();
    await until(() => one.held.size === 2, { timeout: 8_000 });
    // It was renewed up to a third of its time before.
    expect((one.taken.at(-1)?.at ?? 0) - from).toBeGreaterThan(TTL * 0.5);
    await nats.close();
  });

  test("a process that slept through its lease finds it lost when it wakes, and waits for its share", async () => {
    world = natsWorld(server);
    await world.connect();
    const sleeper = await child("a");
    expect(sleeper.said).toEqual(["taken a"]);
    sleeper.process.kill("SIGSTOP");
    const one = await taker([{ stream: "a", partition: 0 }]);
    await until(() => one.held.size === 1, { timeout: 8_000 });
    sleeper.process.kill("SIGCONT");
    await until(() => sleeper.said.includes("lost a"), { timeout: 8_000 });
    expect(one.held.size).toBe(1);
    expect(one.taken[0]?.epoch).toBe(2);
    await one.close();
    await until(() => sleeper.said.length === 3, { timeout: 8_000 });
    expect(sleeper.said[2]).toBe("taken a");
  });

  test("a lease that can't be renewed is over within its time, and had again when it can be", async () => {
    world = natsWorld(server);
    const one = await taker([{ stream: "a", partition: 0 }]);
    const lease = one.held.get("a");
    const renewed = lease?.until ?? 0;
    server.pause();
    try {
      await until(() => lease?.over.aborted === true, { timeout: 8_000 });
      expect(Date.now() - renewed).toBeLessThan(TTL);
    } finally {
      server.resume();
    }
    expect(one.lost).toEqual(["a"]);
    await until(() => one.held.size === 1, { timeout: 9_000 });
  });

  test("a store that doesn't tell the time lets no lease be longer, and the lease stays", async () => {
    world = natsWorld(server);
    let answers = true;
    const one = await taker([{ stream: "a", partition: 0 }], {
      storeClock: () => (answers ? Promise.resolve(1_000_000) : new Promise<number>(() => {})),
    });
    expect(one.held.get("a")?.until).toBe(1_000_000 + TTL);
    answers = false;
    const end = performance.now() + 3 * TTL;
    await until(() => performance.now() > end);
    expect(one.held.get("a")?.until).toBe(1_000_000 + TTL);
    expect(one.lost).toEqual([]);
  });

  test("what a holder tells of a partition reaches the others", async () => {
    world = natsWorld(server);
    const one = await taker();
    const nats = await world.connect();
    const other = new NatsLeases(nats, { storeClock: async () => 0, ttl: TTL });
    await other.current;
    one.held.get("a")?.tell({ state: "retrying", reason: "store_failed: away", lagAge: 7 });
    await until(() => other.holder({ stream: "a", partition: 0 })?.note.state === "retrying");
    expect(other.holder({ stream: "a", partition: 0 })).toEqual({
      note: { state: "retrying", reason: "store_failed: away", lagAge: 7 },
      isHere: false,
    });
    expect(other.holder({ stream: "none", partition: 0 })).toBeUndefined();
    await other.close();
  });

  test("when the servers lost it all, leases are had anew, and nobody holds two", async () => {
    world = natsWorld(server);
    const one = await taker();
    const two = await taker();
    await until(() => sizes([one, two]).every((size) => size === 3), { timeout: 8_000 });
    const nats = await world.connect();
    await nats.manager.streams.delete(loadNames(world.prefix).leases);
    await makeLoadStreams(nats);
    await until(() => one.lost.length + two.lost.length === 6, { timeout: 9_000 });
    const isBack = (): boolean => sizes([one, two]).every((size) => size === 3);
    await until(isBack, { timeout: 9_000 });
    expect([...one.held.keys(), ...two.held.keys()].sort()).toEqual(["a", "b", "c", "d", "e", "f"]);
  }, 20_000);
});
