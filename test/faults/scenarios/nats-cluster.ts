import { setTimeout as sleep } from "node:timers/promises";
import { Storm } from "../../log/nats/storm.ts";
import { ownPrefix } from "../../log/nats/log-under-test.ts";
import { natsVersion, startNatsCluster, type NatsCluster, type NatsNode } from "../../support/nats-server.ts";
import { seededRandom, type Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import type { FaultContext, Figures, Scenario } from "../scenario.ts";

/** How long a fault lasts at least, in milliseconds: longer than the servers take to elect another leader. */
const LASTS = 2_500;
/** A split lasts longer: nothing tells of it but silence. */
const SPLIT_LASTS = 6_000;
const ROUNDS_FULL = 12;
/** What is appended while two of three are gone was answered for by one of them before, within this time. Milliseconds. */
const SETTLES = 100;

interface Suffering {
  readonly cluster: NatsCluster;
  readonly storm: Storm;
  readonly random: Random;
  /** The JetStream stream with the events. */
  readonly stream: string;
}

/** Gives what wasn't as promised. */
type Fault = (suffering: Suffering) => Promise<readonly string[]>;

const ORACLE =
  "Three logs, each with a connection of its own as three processes have, append without pause, half of the batches with keys that they share. " +
  "Afterwards every acknowledged batch is there once, at its offset, offsets are dense, no other batch is there, no key is there twice, and all read the same.";

export const natsKills: Scenario = clusterScenario(
  "NATS: kill -9 of servers of a cluster",
  `kill -9 of any of three nats-servers, of the stream's leader, of two (nothing is acknowledged then), and of all, and their restart. ${ORACLE}`,
  "loopback",
  [killLeader, killTwo, killAll, killAny],
  2,
);

export const natsFreeze: Scenario = clusterScenario(
  "NATS: a server that freezes",
  `One of three nats-servers stops for some seconds without a word (SIGSTOP), its connections open, and goes on. ${ORACLE}`,
  "loopback",
  [freezeLeader, freezeAny],
  1,
);

export const natsSplit: Scenario = clusterScenario(
  "NATS: a split network",
  `Each nats-server is in a network namespace. One is cut off from both others, or two from each other while both see the third; clients reach all of them. ${ORACLE}`,
  "namespaces",
  [isolateLeader, cutPair, isolateAny],
  1,
);

function clusterScenario(
  name: string,
  what: string,
  network: "loopback" | "namespaces",
  faults: readonly Fault[],
  short: number,
): Scenario {
  return {
    group: "log servers",
    name,
    what,
    needs: network === "namespaces" ? ["nats", "networks"] : ["nats"],
    async run(context) {
      const cluster = await startNatsCluster({ network });
      try {
        return await suffer(cluster, faults, context.scale === "short" ? short : ROUNDS_FULL, context);
      } finally {
        await cluster.remove();
      }
    },
  };
}

async function suffer(
  cluster: NatsCluster,
  faults: readonly Fault[],
  rounds: number,
  { seed, progress, signal }: FaultContext,
): Promise<Figures> {
  const random = seededRandom(seed);
  const prefix = ownPrefix();
  const partitions = random.chance(0.5) ? 1 : 3;
  const url = cluster.url(`replicas=3&partitions=${partitions}&prefix=${prefix}`);
  const storm = await Storm.begin(url, random);
  const problems: string[] = [];
  let slowest = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      const fault = faults[round % faults.length];
      if (fault === undefined) break;
      problems.push(...(await fault({ cluster, storm, random, stream: `${prefix}-log-flights` })));
      const healed = performance.now();
      await storm.flows();
      slowest = Math.max(slowest, performance.now() - healed);
      progress(round + 1, rounds);
    }
    const { acknowledged, ...verdict } = await storm.judge();
    return {
      ...verdict,
      runs: rounds,
      events: acknowledged,
      problems: [...problems, ...verdict.problems],
      note: `nats-server ${natsVersion()}; ${partitions} partition${partitions === 1 ? "" : "s"}; all processes append again ${(slowest / 1_000).toFixed(1)} s after the fault at the latest`,
    };
  } finally {
    await storm.close();
  }
}

async function killAny({ cluster, random }: Suffering): Promise<readonly string[]> {
  await killFor(nodeOf(cluster, random));
  return [];
}

async function killLeader({ cluster, stream }: Suffering): Promise<readonly string[]> {
  await killFor(await leader(cluster, stream));
  return [];
}

async function killFor(node: NatsNode): Promise<void> {
  await node.kill();
  await sleep(LASTS);
  await node.start();
}

/** Without a majority nothing may be acknowledged. */
async function killTwo({ cluster, storm, random }: Suffering): Promise<readonly string[]> {
  const spared = nodeOf(cluster, random);
  const gone = cluster.nodes.filter((node) => node !== spared);
  await Promise.all(gone.map((node) => node.kill()));
  const from = performance.now() + SETTLES;
  await sleep(LASTS);
  const count = storm.acknowledgedBetween(from, performance.now());
  for (const node of gone) await node.start();
  return count === 0 ? [] : [`${count} batches were acknowledged while two of three servers were gone`];
}

async function killAll({ cluster }: Suffering): Promise<readonly string[]> {
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  for (const node of cluster.nodes) await node.start();
  return [];
}

async function freezeAny({ cluster, random }: Suffering): Promise<readonly string[]> {
  await freezeFor(nodeOf(cluster, random));
  return [];
}

async function freezeLeader({ cluster, stream }: Suffering): Promise<readonly string[]> {
  await freezeFor(await leader(cluster, stream));
  return [];
}

async function freezeFor(node: NatsNode): Promise<void> {
  node.pause();
  await sleep(LASTS);
  node.resume();
}

async function isolateAny({ cluster, random }: Suffering): Promise<readonly string[]> {
  return await split(cluster, (network) => network.isolate(random.below(cluster.nodes.length)));
}

async function isolateLeader({ cluster, stream }: Suffering): Promise<readonly string[]> {
  const node = await leader(cluster, stream);
  return await split(cluster, (network) => network.isolate(cluster.nodes.indexOf(node)));
}

async function cutPair({ cluster, random }: Suffering): Promise<readonly string[]> {
  const one = random.below(cluster.nodes.length);
  return await split(cluster, (network) => network.cut(one, (one + 1) % cluster.nodes.length));
}

async function split(
  { network }: NatsCluster,
  how: (network: NonNullable<NatsCluster["network"]>) => void,
): Promise<readonly string[]> {
  if (network === undefined) throw new Error("the servers have no networks of their own");
  how(network);
  await sleep(SPLIT_LASTS);
  network.join();
  return [];
}

function nodeOf(cluster: NatsCluster, random: Random): NatsNode {
  const node = cluster.nodes[random.below(cluster.nodes.length)];
  if (node === undefined) throw new Error("the cluster has no servers");
  return node;
}

/** The servers may be electing one. */
async function leader(cluster: NatsCluster, stream: string): Promise<NatsNode> {
  let found: NatsNode | undefined;
  await until(
    async () => {
      found = await cluster.leaderOf(stream).catch(() => undefined);
      return found !== undefined;
    },
    { timeout: 60_000 },
  );
  if (found === undefined) throw new Error("the stream has no leader");
  return found;
}
