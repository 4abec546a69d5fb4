import type { HeadraceError } from "../errors.ts";
import { didYouMean } from "./nearest-name.ts";

/** Throws for a key that an option object doesn't have: a misspelt option would be without effect, and unnoticed. */
export function checkKeys(
  what: string,
  options: object,
  known: readonly string[],
  invalid: (problem: string) => HeadraceError,
): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const hint = didYouMean(unknown, known) || `; there are ${known.join(", ")}`;
  throw invalid(`there is no option "${what}${unknown}"${hint}`);
}
