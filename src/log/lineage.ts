import { HeadraceError } from "../errors.ts";
import type { Position } from "./log.ts";
import { LINEAGE_MAX } from "./limits.ts";

/** The log ids of a stream: offsets run on from one to the next, and begin again where a tail was lost. */
export class Lineage {
  readonly ended: readonly Ended[];
  /** The log id that is written now. */
  readonly current: string;

  constructor(ended: readonly Ended[], current: string) {
    this.ended = ended;
    this.current = current;
  }

  /** The lineage after the current log ended at an offset and another one began there; `first` is the oldest offset kept. */
  next(end: number, log: string, first: number): Lineage {
    const ended = [...this.ended, { log: this.current, end }];
    // One whose events are all dropped is only of use to a position that stood at its end.
    return new Lineage(
      ended.filter((one, index) => index >= ended.length - LINEAGE_MAX || one.end > first),
      log,
    );
  }

  /** The id of the log that an offset belongs to, of those that still have it. */
  logAt(offset: number): string {
    return this.ended.find((log) => offset < log.end)?.log ?? this.current;
  }

  /** The position of an offset. */
  at(offset: number): Position {
    return { log: this.logAt(offset), offset };
  }

  /** The offset that a position means: what a lost tail had is skipped. `offset_gone` for what isn't kept. */
  resolve(position: Position, first: number): number {
    if (position.log === "") return first;
    let offset = position.offset;
    if (position.log !== this.current) {
      const log = this.ended.find((one) => one.log === position.log);
      if (log === undefined) {
        throw new HeadraceError("offset_gone", `the log has no part with the id ${position.log}`);
      }
      offset = Math.min(offset, log.end);
    }
    if (offset < first) {
      throw new HeadraceError(
        "offset_gone",
        `offset ${offset} is no longer in the log: it begins at ${first}`,
      );
    }
    return offset;
  }
}

export interface Ended {
  readonly log: string;
  /** The offset after its last. */
  readonly end: number;
}
