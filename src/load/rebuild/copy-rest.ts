import { HeadraceError } from "../../errors.ts";
import type { Stream } from "../../project/declarations.ts";
import type { OffsetRange, TableRebuild } from "../../store/store.ts";

export interface CopyOptions {
  readonly anew: TableRebuild;
  readonly stream: Stream;
  /** Go on without rows that can't be copied. */
  readonly allowPartial: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Rest {
  readonly copied: number;
  readonly lost: number;
}

/** Rows that the log doesn't hold any more. Throws `rebuild_refused` when they would be lost. */
export async function planRest(
  { anew, stream, allowPartial }: CopyOptions,
  held: readonly OffsetRange[],
): Promise<Rest> {
  const count = await anew.countOutside(held);
  if (count === 0 || anew.narrower.length === 0) return { copied: count, lost: 0 };
  if (allowPartial) return { copied: 0, lost: count };
  throw new HeadraceError("rebuild_refused", refusal(stream.name, count, anew.narrower));
}

/** Copies them. */
export async function copyRest(options: CopyOptions, held: readonly OffsetRange[]): Promise<Rest> {
  const rest = await planRest(options, held);
  if (rest.copied > 0) await options.anew.copyOutside(held, options.signal);
  return rest;
}

export function refusal(stream: string, count: number, narrower: readonly string[]): string {
  return `${stream}: ${count} rows are older than what the log holds, and the new table can't take them as they are: ${narrower.join(", ")} would be narrower or required`;
}
