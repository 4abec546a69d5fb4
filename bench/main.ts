/** `npm run bench`: measures Headrace and its peers side by side, and writes the report. See bench/README.md. */
import { readOptions } from "./options.ts";
import { runBench } from "./run.ts";

const options = readOptions(process.argv.slice(2));
const stop = new AbortController();
process.once("SIGINT", () => stop.abort(new Error("stopped by Ctrl-C")));
process.once("SIGTERM", () => stop.abort(new Error("stopped by SIGTERM")));
// Whatever goes wrong unseen must not leave processes and folders behind.
process.once("uncaughtException", (error) => stop.abort(error));
// At once: what was being measured when the run was stopped may still wait for something.
process.exit(await runBench(options, stop.signal));
