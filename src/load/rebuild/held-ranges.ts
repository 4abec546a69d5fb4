import type { Log } from "../../log/log.ts";
import type { OffsetRange } from "../../store/store.ts";
import { rangeOf, readGroup } from "./read-group.ts";

/** What the log holds and will hold, by log id. Reads it all when a recovery has changed the id on the way, or a salvage left gaps. */
export async function heldRanges(log: Log, stream: string): Promise<readonly OffsetRange[]> {
  const { first, end, lost = 0 } = log.status(stream, 0);
  const open = { partition: 0, to: Number.MAX_SAFE_INTEGER };
  if ((first.log === end.log && lost === 0) || first.offset === end.offset) {
    return [{ ...open, log: end.log, from: first.offset }];
  }
  const ranges: OffsetRange[] = [];
  let next = first;
  while (next.offset < end.offset) {
    const group = await readGroup(log, stream, next, end.offset);
    if (group === undefined) break;
    const range = rangeOf(group);
    const last = ranges.at(-1);
    if (last?.log === range.log && last.to === range.from)
      ranges[ranges.length - 1] = { ...last, to: range.to };
    else ranges.push(range);
    next = { log: range.log, offset: range.to };
  }
  return [...ranges, { ...open, log: end.log, from: next.offset }];
}
