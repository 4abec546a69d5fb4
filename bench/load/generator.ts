/** The load generator's process: takes one job over its channel, does it, and tells the result. */
import { runHttpLoad } from "./http-load.ts";
import type { Job, LoadResult, Message } from "./job.ts";
import { runNatsLoad } from "./nats-load.ts";

const tell = (message: Message): void => void process.send?.(message);

const began = (): void => tell({ type: "began" });

process.once("message", (job: Job) => {
  const running: Promise<LoadResult> =
    job.kind === "nats" ? runNatsLoad(job, began) : runHttpLoad(job, began);
  running
    .then((result) => tell({ type: "ended", result }))
    .catch((error: unknown) => {
      tell({ type: "failed", message: error instanceof Error ? error.message : String(error) });
    })
    .finally(() => process.disconnect());
});
console.log("ready");
