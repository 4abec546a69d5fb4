import { HOUR, MINUTE } from "./units.ts";

/** A step ahead up to this long is followed at once. Milliseconds. */
export const STEP_MAX = MINUTE;
/** A longer one is believed when it has lasted this long. Milliseconds. */
export const STEP_PROOF = HOUR;

/**
 * The machine's clock for decisions that can't be taken back: what is forgotten or dropped because its time is over. When
 * the clock is set ahead by mistake and back again, nothing may have gone meanwhile. So the time that has surely come
 * follows a step back at once, and a step ahead (the time in which no server ran is one too, and so is a machine's
 * sleep) only when that has lasted for STEP_PROOF: whatever is kept is kept for an hour longer, and nothing for too short.
 */
export class GuardedClock {
  readonly #wall: () => number;
  readonly #steady: () => number;
  /** The wall's time minus the steady one, as far as it is believed; undefined until `startedAfter`. */
  #believed: number | undefined;
  /** A step ahead that is not believed yet: since when (steady), and the least that it was since. */
  #ahead: { readonly since: number; readonly least: number } | undefined;

  /**
   * @param wall Milliseconds since 1970, set by people and by NTP.
   * @param steady Milliseconds since any time, which nobody can set.
   */
  constructor(wall: () => number = Date.now, steady: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#steady = steady;
  }

  /**
   * Tells of a time (milliseconds since 1970) that had come before this process started, as what is on disk says: from there on
   * time goes on. Without any, the clock is believed. Until this is called no time has surely come.
   */
  startedAfter(time: number | undefined): void {
    const now = this.#wall();
    this.#believed = Math.min(now, time ?? now) - this.#steady();
  }

  /** The time that has surely come, in milliseconds since 1970; 0 before the start. */
  readonly sure = (): number => {
    const steady = this.#steady();
    if (this.#believed === undefined) return 0;
    this.#believed = this.#follow(this.#believed, this.#wall() - steady, steady);
    return this.#believed + steady;
  };

  #follow(believed: number, offset: number, steady: number): number {
    if (offset <= believed + STEP_MAX) {
      this.#ahead = undefined;
      return offset;
    }
    const { since, least } = this.#ahead ?? { since: steady, least: offset };
    this.#ahead = { since, least: Math.min(least, offset) };
    if (steady - since < STEP_PROOF) return believed;
    // If it went on since, that is another step.
    const proved = this.#ahead.least;
    this.#ahead = undefined;
    return proved;
  }
}
