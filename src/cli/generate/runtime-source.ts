import { readFileSync } from "node:fs";

/** What users of a generated client may import from it. */
const PUBLIC_MODULE = "api";
/** The modules of the runtime, each after those that it imports. */
const MODULES = [PUBLIC_MODULE, "http", "room", "sending", "ingest", "sender", "build-client"];

/**
 * The runtime as it stands in a generated client: its modules one after the other, without the imports between them,
 * and with the exports of the public one only. `npm run build` lays the sources beside what is compiled, with an ending
 * by which nothing takes them for code.
 */
export function runtimeSource(): string {
  const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".ts.txt";
  return MODULES.map((name) => {
    const source = readFileSync(new URL(`runtime/${name}${ending}`, import.meta.url), "utf8");
    const alone = source.replaceAll(/^import [^;]*;\n+/gm, "");
    return (name === PUBLIC_MODULE ? alone : alone.replaceAll(/^export /gm, "")).trim();
  }).join("\n\n");
}
