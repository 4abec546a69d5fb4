import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsMissing } from "../support/nats-server.ts";
import { networksMissing } from "../support/network-namespaces.ts";
import { postgresMissing } from "../support/postgres-server.ts";
import type { Scenario } from "./scenario.ts";

export type Need = NonNullable<Scenario["needs"]>[number];

/** How to get what a scenario needs, for people. */
const ADVICE: Readonly<Record<Need, string>> = {
  strace:
    "strace, and the right to trace processes (apt-get install strace; in a container --cap-add=SYS_PTRACE)",
  tmpfs: "the right to mount a tmpfs (run as root; in a container --cap-add=SYS_ADMIN)",
  root: "to be run as root",
  nats: "nats-server 2.10 or later (on Debian scripts/install-nats.sh fetches it)",
  networks:
    "the right to make network namespaces (ip netns, as root; in a container --cap-add=NET_ADMIN --cap-add=SYS_ADMIN)",
  postgres: "PostgreSQL 15 or later (as root on Debian scripts/install-postgres.sh installs it)",
};

const PACKAGES: Partial<Readonly<Record<Need, string>>> = { strace: "strace" };

/**
 * Of these needs, what this machine lacks and how to get it. With `install`, programs are installed first where that
 * can be done without asking anyone: with apt, as root.
 */
export function missingOf(
  needs: readonly Need[],
  { install }: { readonly install: boolean },
): readonly string[] {
  const lacking = needs.filter((need) => !isThere(need));
  const packages = lacking.flatMap((need) => PACKAGES[need] ?? []);
  if (install && packages.length > 0 && isRoot() && existsSync("/usr/bin/apt-get")) {
    console.error(`headrace: installing ${packages.join(" and ")} with apt-get…`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("apt-get", ["update", "-qq"], { stdio: ["ignore", "ignore", 2], env });
    spawnSync("apt-get", ["install", "-qq", "-y", "--no-install-recommends", ...packages], {
      stdio: ["ignore", "ignore", 2],
      env,
    });
  }
  return lacking.filter((need) => !isThere(need)).map((need) => ADVICE[need]);
}

function isThere(need: Need): boolean {
  switch (need) {
    case "strace":
      return succeeds("strace", ["-f", "-o", "/dev/null", "true"]);
    case "tmpfs":
      return isRoot() && canMount();
    case "root":
      return isRoot();
    case "nats":
      return natsMissing() === undefined;
    case "networks":
      return networksMissing() === undefined;
    case "postgres":
      return postgresMissing() === undefined;
    default:
      return need satisfies never;
  }
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "headrace-mount-"));
  try {
    return (
      succeeds("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]) && succeeds("umount", [folder])
    );
  } finally {
    rmdirSync(folder);
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function succeeds(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}
