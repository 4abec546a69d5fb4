import type { Stream } from "../../project/declarations.ts";
import { DAY, MINUTE } from "../../units.ts";

/** How long an answer over a stream with a `ttl` counts at most: rows that pass away bring no new version. */
export const TTL_ANSWER_AGE_MAX = MINUTE;

/**
 * A text that changes whenever an answer over these streams may change: the loader's versions, and the day, since the
 * engine completes a date without a year from today's.
 */
export type VersionsOf = (streams: readonly string[]) => string;

/**
 * @param version The loader's version of a stream.
 * @param clock Milliseconds since 1970.
 */
export function versionsOf(
  streams: readonly Stream[],
  version: (stream: string) => number,
  clock: () => number,
): VersionsOf {
  const fading = new Set(streams.filter((stream) => stream.table.ttl).map((stream) => stream.name));
  return (names) => {
    const now = clock();
    let text = "";
    let period = DAY;
    for (const name of names) {
      text += `${version(name)},`;
      if (fading.has(name)) period = TTL_ANSWER_AGE_MAX;
    }
    return `${text}${Math.floor(now / period)}`;
  };
}
