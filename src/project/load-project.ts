import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { HeadraceError, messageOf } from "../errors.ts";
import type { Endpoint, Project } from "./declarations.ts";
import { parseParams } from "./params.ts";
import { streamsOf } from "./sql.ts";

/** A project's declaration, in the order in which they are looked for. */
export const CONFIG_FILES = ["headrace.config.ts", "headrace.config.js", "headrace.config.mjs"] as const;

/**
 * Loads the project of a folder: imports its `headrace.config.ts` and takes the default export. The module is imported
 * once per process. Throws `project_not_found` without such a file, and `project_invalid` naming file and line when it
 * can't be loaded or doesn't export a project.
 */
export async function loadProject(folder: string): Promise<Project> {
  const file = await findConfig(resolve(folder));
  let exported: unknown;
  try {
    exported = await import(/* @vite-ignore */ pathToFileURL(file).href);
  } catch (error) {
    throw loadFailure(file, error);
  }
  const project =
    typeof exported === "object" && exported !== null && "default" in exported ? exported.default : undefined;
  if (isProject(project)) {
    checkReferences(project, file);
    return project;
  }
  throw new HeadraceError(
    "project_invalid",
    `${file}: the default export must be a project: export default defineProject({ … })`,
  );
}

async function findConfig(folder: string): Promise<string> {
  for (const name of CONFIG_FILES) {
    const file = join(folder, name);
    try {
      await access(file);
      return file;
    } catch {
      // Try the next name.
    }
  }
  throw new HeadraceError("project_not_found", `There is no headrace.config.ts in ${folder}`);
}

function isProject(value: unknown): value is Project {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "project";
}

/**
 * Every stream that an endpoint reads must be the project's. What an endpoint reads is known when its query is called: here
 * those that need no parameters are; `headrace check` calls them all.
 */
function checkReferences(project: Project, file: string): void {
  const names = project.streams.map((stream) => stream.name);
  for (const endpoint of project.endpoints) {
    const missing = streamsRead(endpoint).find((name) => !names.includes(name));
    if (missing === undefined) continue;
    throw new HeadraceError(
      "project_invalid",
      `${file}: endpoint "${endpoint.name}" reads the stream "${missing}", which isn't in the project's \`streams\``,
    );
  }
}

function streamsRead(endpoint: Endpoint): string[] {
  try {
    return streamsOf(endpoint.query(parseParams(endpoint.params, {})));
  } catch {
    // It needs parameters, or fails without them.
    return [];
  }
}

function loadFailure(file: string, error: unknown): HeadraceError {
  // An error of a declaration names the stream and field itself.
  if (isHeadraceError(error)) {
    return new HeadraceError("project_invalid", `${placeOf(error) ?? file}: ${error.message}`, {
      cause: error,
    });
  }
  const place = placeOf(error) ?? file;
  const missing = missingPackage(error);
  const hint = missing === undefined ? "" : `. Run \`npm install\` in the project's folder`;
  return new HeadraceError("project_invalid", `${place}: ${firstLine(messageOf(error))}${hint}`, {
    cause: error,
  });
}

/** Also one of another copy of this package. */
function isHeadraceError(error: unknown): error is HeadraceError {
  return error instanceof Error && error.name === "HeadraceError" && "code" in error;
}

/** The first `file:line` of the stack that isn't in a package or in Node itself: where the user's own code is wrong. */
function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const match of stack.matchAll(/(?<=^|[\s(])((?:file:\/\/)?\/[^\s()]+?):(\d+)(?::\d+)?(?=[\s)]|$)/gm)) {
    const [, where = "", line = ""] = match;
    const path = where.startsWith("file:") ? fileURLToPath(where) : where;
    if (!path.includes("/node_modules/") && !path.startsWith(OWN_FOLDER)) return `${path}:${line}`;
  }
  return undefined;
}

const OWN_FOLDER = fileURLToPath(new URL("..", import.meta.url));

function missingPackage(error: unknown): string | undefined {
  const missing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
  return missing ? /Cannot find package '([^']+)'/.exec(error.message)?.[1] : undefined;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
