import { beforeEach, describe, expect, it } from "vitest";
import { GuardedClock, STEP_MAX, STEP_PROOF } from "../src/guarded-clock.ts";
import { DAY, HOUR, MINUTE } from "../src/units.ts";

const NOW = 1_700_000_000_000;

describe("the time that has surely come", () => {
  let wall: number;
  let steady: number;
  let clock: GuardedClock;
  /** Time goes by, read every now and then. */
  const pass = (time: number) => {
    for (let left = time; left > 0; left -= MINUTE) {
      wall += Math.min(MINUTE, left);
      steady += Math.min(MINUTE, left);
      clock.sure();
    }
  };
  beforeEach(() => {
    [wall, steady] = [NOW, 5_000];
    clock = new GuardedClock(
      () => wall,
      () => steady,
    );
    clock.startedAfter(undefined);
  });

  it("is the machine's as long as nobody sets that", () => {
    pass(3 * DAY);
    expect(clock.sure()).toBe(NOW + 3 * DAY);
  });

  it("follows small corrections at once", () => {
    wall += STEP_MAX;
    expect(clock.sure()).toBe(NOW + STEP_MAX);
  });

  it("goes on as if nothing had been when the clock is set ahead and back again", () => {
    wall += 10 * DAY;
    pass(STEP_PROOF - MINUTE);
    expect(clock.sure()).toBe(NOW + STEP_PROOF - MINUTE);
    wall -= 10 * DAY;
    pass(3 * HOUR);
    expect(clock.sure()).toBe(NOW + STEP_PROOF - MINUTE + 3 * HOUR);
  });

  it("believes a clock that was set ahead when it has stayed so for an hour", () => {
    wall += 10 * DAY;
    pass(STEP_PROOF - MINUTE);
    expect(clock.sure()).toBeLessThan(NOW + DAY);
    pass(2 * MINUTE);
    expect(clock.sure()).toBe(wall);
  });

  it("takes a second step for one of its own", () => {
    wall += DAY;
    pass(STEP_PROOF - MINUTE);
    wall += 10 * DAY;
    pass(2 * MINUTE);
    expect(clock.sure()).toBeLessThan(NOW + 2 * DAY);
    pass(STEP_PROOF);
    expect(clock.sure()).toBe(wall);
  });

  it("counts the hour from when the step was seen, however long nobody looked", () => {
    wall += 10 * DAY + 5 * HOUR;
    steady += 5 * HOUR;
    expect(clock.sure()).toBe(NOW + 5 * HOUR);
  });

  it("follows a clock that is set back at once", () => {
    wall -= 10 * DAY;
    expect(clock.sure()).toBe(NOW - 10 * DAY);
    pass(HOUR);
    expect(clock.sure()).toBe(NOW - 10 * DAY + HOUR);
  });

  it("takes the time in which no server ran for a step", () => {
    clock.startedAfter(NOW - 10 * DAY);
    expect(clock.sure()).toBe(NOW - 10 * DAY);
    pass(STEP_PROOF + MINUTE);
    expect(clock.sure()).toBe(wall);
  });

  it("is never ahead of the machine's: what is on disk may be from a clock that was ahead", () => {
    clock.startedAfter(NOW + 10 * DAY);
    expect(clock.sure()).toBe(NOW);
  });

  it("has not begun before the start is told", () => {
    expect(new GuardedClock().sure()).toBe(0);
  });
});
