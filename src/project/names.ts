import { HeadraceError } from "../errors.ts";

/** Characters of a stream's, endpoint's, project's or field's name. */
export const NAME_LENGTH_MAX = 64;

/** Names of streams, endpoints and projects: parts of URLs, file names, metrics and SQL, so nothing that needs quoting. */
const NAME = /^[a-z][a-z0-9_]*$/;
/** Names of fields. Producers often can't choose theirs, so hyphens and capitals are taken too. */
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** Throws `project_invalid` unless the name is fit for a URL, a file name and SQL. */
export function checkName(what: "stream" | "endpoint" | "project", name: unknown): asserts name is string {
  if (typeof name !== "string") {
    throw new HeadraceError("project_invalid", `The name of a ${what} must be a string, got ${typeof name}`);
  }
  if (!NAME.test(name) || name.length > NAME_LENGTH_MAX) {
    const why = name.startsWith("_") ? "names starting with _ are Headrace's own" : "it";
    const rule = `must start with a letter a-z and hold only a-z, 0-9 and _ (at most ${NAME_LENGTH_MAX})`;
    throw new HeadraceError(
      "project_invalid",
      why === "it"
        ? `The name of ${what} "${name}" ${rule}`
        : `The name of ${what} "${name}" can't be used: ${why}; it ${rule}`,
    );
  }
}

/** What is wrong with a field's name; undefined when nothing is. */
export function fieldNameProblem(name: string): string | undefined {
  if (name.startsWith("_")) return "names starting with _ are Headrace's own; choose another name";
  if (name.length > NAME_LENGTH_MAX) return `a name has at most ${NAME_LENGTH_MAX} characters`;
  if (FIELD_NAME.test(name)) return undefined;
  return "a name starts with a letter and holds only letters A-Z, digits, _ and -";
}
