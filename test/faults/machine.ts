import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { GIB } from "../../src/units.ts";

const ROOT = join(import.meta.dirname, "../..");

/** What the figures were taken on, in a sentence. */
export function machine(): string {
  const { version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    version: string;
    dependencies: { chdb: string };
  };
  const fileSystem = spawnSync("stat", ["-f", "-c", "%T", tmpdir()], { encoding: "utf8" }).stdout.trim();
  return (
    `Headrace ${version}, engine chDB ${dependencies.chdb}, Node ${process.versions.node}, Linux ${release()}, ` +
    `${fileSystem}, ${availableParallelism()} cores, ${(totalmem() / GIB).toFixed(0)} GiB of memory.`
  );
}
