import { HeadraceError } from "../errors.ts";
import { isStream } from "./brands.ts";
import type { Endpoint, Project, Stream } from "./declarations.ts";
import { checkKeys } from "./known-keys.ts";
import { checkName } from "./names.ts";

/** What `defineProject` takes. */
export interface ProjectOptions {
  /** `[a-z][a-z0-9_]*`, at most 64 characters. */
  readonly name: string;
  /** One line for the documentation. Default "". */
  readonly description?: string;
  /** Default: none. */
  readonly streams?: readonly Stream[];
  /** Default: none. */
  readonly endpoints?: readonly Endpoint[];
}

/** Declares a project; a `headrace.config.ts` exports it by default. Throws HeadraceError `project_invalid`. */
export function defineProject(options: ProjectOptions): Project {
  checkName("project", options.name);
  checkKeys("", options, ["name", "description", "streams", "endpoints"], (problem) =>
    invalid(options.name, problem),
  );
  const streams = options.streams ?? [];
  const endpoints = options.endpoints ?? [];
  if (!streams.every(isStream)) throw invalid(options.name, "`streams` must hold what defineStream returned");
  if (!endpoints.every(isEndpoint)) {
    throw invalid(options.name, "`endpoints` must hold what defineEndpoint returned");
  }
  checkUnique(options.name, "streams", streams);
  checkUnique(options.name, "endpoints", endpoints);
  return Object.freeze({
    kind: "project",
    name: options.name,
    description: options.description ?? "",
    streams: Object.freeze([...streams]),
    endpoints: Object.freeze([...endpoints]),
  });
}

function isEndpoint(value: unknown): value is Endpoint {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "endpoint";
}

function checkUnique(project: string, what: string, named: readonly { readonly name: string }[]): void {
  const names = new Set<string>();
  for (const { name } of named) {
    if (names.has(name)) throw invalid(project, `two ${what} are named "${name}"; rename one`);
    names.add(name);
  }
}

function invalid(project: string, problem: string): HeadraceError {
  return new HeadraceError("project_invalid", `Project "${project}": ${problem}`);
}
