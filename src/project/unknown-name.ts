import { HeadraceError } from "../errors.ts";
import { nearestName } from "./nearest-name.ts";

/** The 404 for a name that isn't declared, with the one that was probably meant. */
export function unknownName(
  what: "stream" | "endpoint",
  name: string,
  names: Iterable<string>,
): HeadraceError {
  const nearest = nearestName(name, names);
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  return new HeadraceError(`unknown_${what}`, `There is no ${what} "${name}"${hint}`, {
    details: nearest === undefined ? {} : { nearest },
  });
}
