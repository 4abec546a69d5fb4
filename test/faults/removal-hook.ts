// Loaded with `--import removal-hook.ts?without=<protection>`: takes the protection out of the sources as they are loaded.
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { protections, type Protection, type Removal } from "./without.ts";

const ROOT = join(import.meta.dirname, "../..");
const protection = new URL(import.meta.url).searchParams.get("without") as Protection;
const removals = new Map<string, Removal[]>();
for (const removal of protections[protection].removals) {
  const url = pathToFileURL(join(ROOT, removal.file)).href;
  removals.set(url, [...(removals.get(url) ?? []), removal]);
}

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const mine = removals.get(url);
    if (mine === undefined) return loaded;
    let source = Buffer.from(loaded.source as Uint8Array).toString("utf8");
    for (const { file, find, replace } of mine) {
      if (!source.includes(find)) throw new Error(`${file} has no "${find}" any more: update without.ts`);
      source = source.replaceAll(find, replace);
    }
    return { ...loaded, source };
  },
});
