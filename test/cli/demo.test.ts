import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { cleanEnvironment, ROOT } from "./support/run.ts";

const TIMEOUT = 60_000;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-demo-test-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Runs the demo with a temporary folder of its own; it ends by itself, or when the output has this text. */
async function demo(args: readonly string[], stopAt?: string) {
  const child = spawn(
    process.execPath,
    ["--conditions=headrace-source", join(ROOT, "examples/flights/demo.ts"), ...args],
    { env: { ...cleanEnvironment(), TMPDIR: folder, UV_THREADPOOL_SIZE: "16" } },
  );
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  const ended = once(child, "close");
  if (stopAt !== undefined) {
    await until(() => output.includes(stopAt) || child.exitCode !== null, { timeout: TIMEOUT / 2 });
    child.kill("SIGINT");
  }
  const [code] = (await ended) as [number | null];
  return { code, output };
}

test(
  "--once loads the flights, compares every airport with DuckDB and leaves nothing behind",
  async () => {
    const { code, output } = await demo(["--once", "--limit", "20000"]);
    expect(output).toContain("20,000 of 20,000 flights queryable");
    expect(output).toMatch(
      /20,000 flights stored, 20,000 in the file\. The figures of all \d+ airports equal/,
    );
    expect(output).toMatch(/^ORD +[\d,]+ +-?\d+\.\d\d$/m);
    expect(code).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  },
  TIMEOUT,
);

test(
  "without it the server stays up until Ctrl-C, and flights sent again are duplicates",
  async () => {
    const data = join(folder, "kept");
    const first = await demo(["--limit", "5000", "--data", data], "Try it");
    expect(first).toMatchObject({
      code: 0,
      output: expect.stringContaining("curl -sS 'http://127.0.0.1:") as string,
    });
    const second = await demo(["--limit", "5000", "--data", data], "Try it");
    expect(second.output).toContain(
      "5,000 flights are there from an earlier run: sent again, they are duplicates.",
    );
    expect(second.output).toContain("5,000 flights stored, 5,000 in the file.");
    expect(second.code).toBe(0);
  },
  TIMEOUT,
);

test(
  "Ctrl-C while they load ends it, and --once then fails",
  async () => {
    const args = ["--once", "--limit", "20000", "--rate", "1000"];
    const { code, output } = await demo(args, "Headrace is ready");
    expect(output).not.toContain("The figures");
    expect(code).toBe(1);
  },
  TIMEOUT,
);

test("--help exits 0, and a bad option doesn't", async () => {
  expect(await demo(["--help"])).toMatchObject({
    code: 0,
    output: expect.stringContaining("--once") as string,
  });
  expect((await demo(["--limit", "none"])).code).not.toBe(0);
});
