import { join } from "node:path";
import type { Bench, Entrant } from "../bench.ts";

/** Appends with nothing around them: as many bytes, as many at once. */
export function groupSync(
  { workshop, plan }: Bench,
  append: { readonly bytes: number; readonly events: number; readonly atOnce: number },
): Entrant {
  return {
    name: "append + group fdatasync alone",
    durability: "fdatasync for each group, no HTTP, nothing is validated",
    async run() {
      await using folder = await workshop.folder("sync");
      const script = join(import.meta.dirname, "../peers/group-sync.ts");
      const args = [script, folder.path, append.bytes, append.atOnce, plan.seconds, plan.warmup].map(String);
      const stdout = await workshop.run(process.execPath, args);
      const { appends, seconds, cpu } = JSON.parse(stdout) as {
        appends: number;
        seconds: number;
        cpu: number;
      };
      const events = appends * append.events;
      return { value: events / seconds, cpu: (cpu / events) * 1e6 };
    },
  };
}
