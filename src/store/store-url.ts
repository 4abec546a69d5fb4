import { readFileSync } from "node:fs";
import { HeadraceError, messageOf } from "../errors.ts";

/** Why the URL of a store can't be used: `config_invalid`. Never give it a part of the URL that may hold a password. */
export function invalidStoreUrl(problem: string): HeadraceError {
  return new HeadraceError("config_invalid", `HEADRACE_STORE_URL: ${problem}`);
}

/** What stands behind the `?`. Throws `config_invalid` for what isn't known, or is there twice. */
export function readParameters<Name extends string>(
  query: string,
  names: readonly Name[],
): ReadonlyMap<Name, string> {
  const parameters = new Map<Name, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const known = names.find((one) => one === name);
    if (known === undefined) {
      throw invalidStoreUrl(`there is no parameter ${name.slice(0, 40)}; there are ${names.join(", ")}`);
    }
    if (parameters.has(known)) throw invalidStoreUrl(`${name} is there twice`);
    parameters.set(known, value);
  }
  return parameters;
}

/** A part of the URL without its percent-encoding. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidStoreUrl("a % must be followed by two hex digits");
  }
}

/** The file that the parameter of this name tells of. */
export function readNamedFile(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw invalidStoreUrl(`${name} can't be read: ${messageOf(error)}`);
  }
}
