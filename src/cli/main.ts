#!/usr/bin/env node
// The program. It imports nothing of ours before it has set the size of libuv's pool, which is fixed at its first use: the
// engine's queries and the log's syncs run there side by side, and the default of four would let them wait for each other.

import { setFlagsFromString } from "node:v8";

const NODE_MAJOR_MIN = 24;
const THREAD_POOL_SIZE = "16";

const nodeMajor = Number(process.versions.node.split(".")[0]);
if (nodeMajor < NODE_MAJOR_MIN) {
  process.stderr.write(
    `error: Headrace needs Node ${NODE_MAJOR_MIN} or newer, and this is ${process.versions.node}\n` +
      "Install it from https://nodejs.org, or add it to the project with `npm install node@24` and use `npx headrace`.\n",
  );
  process.exit(1);
}

// oxlint-disable-next-line node/no-process-env -- not a setting of ours: libuv itself reads it, and only from here
process.env["UV_THREADPOOL_SIZE"] ||= THREAD_POOL_SIZE;

// Buffers count as part of the heap, which is small: V8 would mark all of it each time some megabytes of events have passed.
// Letting the heap grow to four times what is alive takes a fifth of the collections, and a sixth off the server's whole work.
setFlagsFromString("--heap-growing-percent=300");

// A reader that has seen enough (`headrace query … | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

await keepCompiled();
const { runCli } = await import("./cli.ts");
const exitCode = await runCli(process.argv.slice(2), process);
// What was written to a pipe has to leave before the process does.
process.stdout.write("", () => process.exit(exitCode));

/**
 * Keeps what Node compiles, and what it makes of TypeScript: a command starts in half the time, and a server takes 20 MB
 * less. In the user's own folder, not in the system's, where somebody else could have put something.
 */
async function keepCompiled(): Promise<void> {
  // Here, since an older Node, which was told so above, has no such function.
  const { enableCompileCache } = await import("node:module");
  const { homedir } = await import("node:os");
  try {
    enableCompileCache(`${homedir()}/.cache/headrace`);
  } catch {
    // A user without a home.
  }
}
