import { execFileSync } from "node:child_process";
import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { GIB } from "../../src/units.ts";

const ROOT = join(import.meta.dirname, "../..");
/** The packages whose versions make a difference. */
const PACKAGES = ["chdb", "fastify", "zod", "pg", "@duckdb/node-api", "@nats-io/jetstream"];

/** What the figures were measured on. `folder` is on the disk that the data was on. */
export function describeMachine(folder: string): (readonly [string, string])[] {
  const [cpu] = cpus();
  return [
    ["CPU", `${availableParallelism()} × ${cpu?.model.trim() ?? "unknown"}`],
    ["memory", `${Math.round(totalmem() / GIB)} GiB`],
    ["disk", `${fileSystemOf(folder)}, ${Math.round(statfsBytes(folder) / GIB)} GiB`],
    ["system", `${distribution()}, Linux ${release()}`],
    ["Node", process.version],
    ...PACKAGES.map((name): [string, string] => [name, versionOf(name)]),
    [
      "PostgreSQL",
      firstLine("sh", ["-c", "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/postgres --version"]),
    ],
    ["NATS", firstLine("sh", ["-c", "PATH=$PATH:/usr/sbin nats-server --version"])],
  ];
}

export function commitOfCheckout(): string {
  const commit = firstLine("git", ["-C", ROOT, "rev-parse", "--short", "HEAD"]);
  const changed = firstLine("git", ["-C", ROOT, "status", "--porcelain", "--", "src", "bin", "package.json"]);
  return changed === "none" ? commit : `${commit} with changes`;
}

function statfsBytes(folder: string): number {
  const { bsize, blocks } = statfsSync(folder);
  return bsize * blocks;
}

function fileSystemOf(folder: string): string {
  return firstLine("findmnt", ["-n", "-o", "FSTYPE", "-T", folder]);
}

function distribution(): string {
  const text = readFileSync("/etc/os-release", "utf8");
  return /^PRETTY_NAME="(.*)"$/m.exec(text)?.[1] ?? "unknown";
}

function versionOf(name: string): string {
  const text = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** "none" when there is no output, or no such program. */
function firstLine(command: string, args: readonly string[]): string {
  try {
    const text = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return text.trim().split("\n")[0] || "none";
  } catch {
    return "none";
  }
}
