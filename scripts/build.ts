// Compiles src to dist, as it is published: Node doesn't strip types under node_modules.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const src = join(root, "src");
const dist = join(root, "dist");
const EXECUTABLE = 0o755;
const RUNTIME = "cli/generate/runtime";
/** A relative import of a TypeScript file, in an import or export statement or an import type. */
const TYPESCRIPT_IMPORT = /((?:from|import|import\()\s*["']\.\.?\/[^"']*)\.ts(["'])/g;

rmSync(dist, { recursive: true, force: true });
const tsc = spawnSync(
  process.execPath,
  [join(root, "node_modules/typescript/bin/tsc"), "-p", join(root, "tsconfig.build.json")],
  { stdio: "inherit" },
);
if (tsc.status !== 0) process.exit(1);

// The compiler rewrites the imports of the JavaScript files, but not of the declarations.
for (const path of filesOf(".d.ts")) {
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(TYPESCRIPT_IMPORT, "$1.js$2"));
}
const unfinished = [...filesOf(".js"), ...filesOf(".d.ts")].filter(
  (path) => readFileSync(path, "utf8").search(TYPESCRIPT_IMPORT) !== -1,
);
if (unfinished.length > 0) {
  console.error(`imports of .ts files are left in ${unfinished.join(", ")}`);
  process.exit(1);
}
// What isn't compiled is read at run time: the files of the docs page.
cpSync(src, dist, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !path.endsWith(".ts"),
});
// Generated clients hold these sources word for word. The ending keeps them from being taken for code.
for (const name of readdirSync(join(src, RUNTIME))) {
  cpSync(join(src, RUNTIME, name), join(dist, RUNTIME, `${name}.txt`));
}
chmodSync(join(dist, "cli/main.js"), EXECUTABLE);

function filesOf(ending: string): readonly string[] {
  return readdirSync(dist, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(dist, name));
}
