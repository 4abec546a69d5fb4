import { HeadraceError } from "../../errors.ts";

/** Damage that recovery must not touch: names the file and the byte. */
export function corrupt(file: string, byte: number, what: string): HeadraceError {
  return new HeadraceError("log_corrupt", `${file} is damaged at byte ${byte}: ${what}`, {
    details: { file, byte },
  });
}
