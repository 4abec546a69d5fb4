// The process of one scenario: run-scenario.ts starts it, with what to do as its argument.
import { mkdir } from "node:fs/promises";
import type { Assignment, Message } from "./run-scenario.ts";
import { scenarios } from "./scenarios.ts";

const { name, ...assignment } = JSON.parse(process.argv[2] ?? "") as Assignment;
const scenario = scenarios.find((one) => one.name === name);
if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);

const stopping = new AbortController();
process.on("disconnect", () => stopping.abort());
const aborted = new Promise<never>((_resolve, reject) => {
  stopping.signal.addEventListener("abort", () => reject(new Error("stopped")));
});
const tell = (message: Message) =>
  new Promise<void>((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });

await mkdir(assignment.folder, { recursive: true });
const figures = await Promise.race([
  scenario.run({
    ...assignment,
    signal: stopping.signal,
    progress: (done, total) => void tell({ kind: "progress", done, total }),
  }),
  aborted,
]);
await tell({ kind: "figures", figures });
// Whatever a scenario left open (an engine, a server that it started) must not keep the process.
process.exit(0);
