// Sets the checkout up, then runs a task with Node 24. Plain JavaScript for any Node from 20 on, with no
// dependency: it is what `npm run demo` and `npm test` start on a fresh machine.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const stamp = join(modules, ".headrace-setup");
const node = join(modules, "node", "bin", "node");

/** Each task is a list of Node 24 argument lists, run one after the other until one fails. */
const bin = (name) => join(modules, name);
const tasks = {
  demo: (args) => [["--conditions=headrace-source", "examples/flights/demo.ts", ...args]],
  test: (args) => [[bin("vitest/vitest.mjs"), "run", ...args]],
  faults: (args) => [["--conditions=headrace-source", "test/faults/run.ts", ...args]],
  check: () => [
    [bin("prettier/bin/prettier.cjs"), "--check", "--log-level=warn", "."],
    [bin("oxlint/bin/oxlint"), "--type-aware", "--deny-warnings"],
    [bin("typescript/bin/tsc"), "--noEmit"],
  ],
  build: () => [["scripts/build.ts"]],
  bench: (args) => [["--conditions=headrace-source", "bench/main.ts", ...args]],
  node: (args) => [args],
};

function fail(message) {
  console.error(`headrace: ${message}`);
  process.exit(1);
}

/** Installs the locked dependencies, once for each content of the lock file. */
function setUp() {
  // A linked node_modules is another checkout's (git worktrees share one so): npm ci here would empty it.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const wanted = `${lock} ${process.platform} ${process.arch}`;
  if (existsSync(stamp) && existsSync(node) && readFileSync(stamp, "utf8") === wanted) return;
  console.error("headrace: installing dependencies with npm ci (about 800 MB on disk, once)…");
  const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (npm.error) fail(`npm could not be started: ${npm.error.message}`);
  if (npm.status !== 0) fail(`npm ci failed with exit code ${npm.status}; its messages are above`);
  // npm can be told not to run install scripts (ignore-scripts): Node 24 is fetched by one, so run it.
  if (!existsSync(node)) {
    spawnSync(process.execPath, ["installArchSpecificPackage"], {
      cwd: join(modules, "node"),
      stdio: ["ignore", 2, 2],
    });
  }
  if (!existsSync(node)) fail("Node 24 was not installed by the npm package `node`; run `npm rebuild node`");
  writeFileSync(stamp, wanted);
}

/** Ctrl-C reaches the child through the terminal; this process only has to outlive it. */
const onInterrupt = () => {};

/** Runs one command to its end, handing on signals, and resolves with its exit code. */
function run(args) {
  return new Promise((resolve) => {
    const child = spawn(node, args, {
      cwd: root,
      stdio: "inherit",
      // The engine's queries run on libuv's pool, where file syncs run too: four threads would be too few.
      env: {
        UV_THREADPOOL_SIZE: "16",
        ...process.env,
        PATH: `${dirname(node)}:${process.env.PATH}`,
      },
    });

    const onTerminate = () => child.kill("SIGTERM");
    process.on("SIGINT", onInterrupt);
    process.on("SIGTERM", onTerminate);
    child.on("error", (error) => fail(`Node 24 could not be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      resolve(code ?? (signal === "SIGINT" ? 130 : 1));
    });
  });
}

const [task, ...args] = process.argv.slice(2);
if (!task || !(task in tasks))
  fail(`unknown task "${task ?? ""}"; there are ${Object.keys(tasks).join(", ")}`);
setUp();
for (const command of tasks[task](args)) {
  const code = await run(command);
  if (code !== 0) process.exit(code);
}
