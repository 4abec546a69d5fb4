import { spawnSync } from "node:child_process";

/** Hosts of their own on one machine, joined by a bridge, that can be cut off from each other: root on Linux only. */
export interface Network {
  /** Their namespaces, for `ip netns exec`. */
  readonly names: readonly string[];
  /** Their addresses; this process reaches them all. */
  readonly hosts: readonly string[];
  /** From now on no packet passes between the two, either way. Who is connected isn't told. */
  cut(one: number, other: number): void;
  /** Cuts a host off from all the others. */
  isolate(one: number): void;
  /** Takes all cuts back. */
  join(): void;
  remove(): void;
}

/** Why there can't be such a network; undefined when there can. In CI it must be possible. */
export function networksMissing(): string | undefined {
  try {
    makeNetwork(1).remove();
    return undefined;
  } catch (error) {
    const why = `network namespaces can't be made here: ${error instanceof Error ? error.message : String(error)}`;
    if (process.env["CI"] === "true") throw new Error(why, { cause: error });
    console.warn(`skipped: ${why}`);
    return why;
  }
}

let made = 0;

/** Makes a network of so many hosts. Throws where that isn't allowed. */
export function makeNetwork(size: number): Network {
  made += 1;
  const prefix = `hr${process.pid}x${made}`;
  const bridge = `${prefix}b`;
  const subnet = freeSubnet();
  const names = Array.from({ length: size }, (_, index) => `${prefix}n${index}`);
  const hosts = names.map((_, index) => `${subnet}.${10 + index}`);
  const cuts: { name: string; host: string }[] = [];
  const network: Network = {
    names,
    hosts,
    cut: (one, other) => {
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        const [name, host] = [names[from], hosts[to]];
        if (name === undefined || host === undefined) throw new Error(`there are ${size} hosts`);
        ip("-n", name, "route", "add", "blackhole", host);
        cuts.push({ name, host });
      }
    },
    isolate: (one) => {
      for (let other = 0; other < size; other += 1) if (other !== one) network.cut(one, other);
    },
    join: () => {
      for (const { name, host } of cuts.splice(0)) ip("-n", name, "route", "del", "blackhole", host);
    },
    remove: () => {
      for (const name of names) spawnSync("ip", ["netns", "del", name]);
      spawnSync("ip", ["link", "del", bridge]);
    },
  };
  try {
    ip("link", "add", bridge, "type", "bridge");
    ip("addr", "add", `${subnet}.1/24`, "dev", bridge);
    ip("link", "set", bridge, "up");
    for (const [index, name] of names.entries()) {
      const link = `${prefix}l${index}`;
      ip("netns", "add", name);
      ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name);
      ip("link", "set", link, "master", bridge, "up");
      ip("-n", name, "addr", "add", `${hosts[index]}/24`, "dev", "eth0");
      ip("-n", name, "link", "set", "lo", "up");
      ip("-n", name, "link", "set", "eth0", "up");
    }
    return network;
  } catch (error) {
    network.remove();
    throw error;
  }
}

function ip(...words: string[]): string {
  const { status, stdout, stderr, error } = spawnSync("ip", words, { encoding: "utf8", timeout: 10_000 });
  if (status !== 0) throw new Error(`ip ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

/** The first three bytes of a network of 256 addresses that no interface of this machine has. */
function freeSubnet(): string {
  const taken = ip("-o", "addr");
  for (let n = process.pid % 250; ; n = (n + 1) % 250) {
    const subnet = `10.213.${n}`;
    if (!taken.includes(`${subnet}.`)) return subnet;
  }
}
