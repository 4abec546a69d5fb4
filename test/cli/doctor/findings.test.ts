import { describe, expect, test } from "vitest";
import { inodesFinding, spaceFinding, syncFinding } from "../../../src/cli/doctor/disk.ts";
import { fileSystemFinding } from "../../../src/cli/doctor/folder.ts";
import { clockFinding } from "../../../src/cli/doctor/log.ts";
import { showBytes, showTime } from "../../../src/cli/doctor/show.ts";
import { DAY, GIB, HOUR, KIB, MINUTE } from "../../../src/units.ts";

describe("the data folder's file system", () => {
  test.each([
    ["ext4", 0xef53, "ok"],
    ["xfs", 0x58465342, "ok"],
    ["nfs", 0x6969, "problem"],
    ["cifs", 0xff534d42, "problem"],
    ["cifs with the sign of a 32-bit long", 0xff534d42 | 0, "problem"],
    ["fuse", 0x65735546, "warning"],
    ["9p", 0x01021997, "warning"],
    ["overlay", 0x794c7630, "warning"],
    ["tmpfs", 0x01021994, "warning"],
    ["one that nobody knows", 0x12345678, "ok"],
  ] as const)("%s", (_name, type, state) => {
    const finding = fileSystemFinding(type);
    expect(finding.state).toBe(state);
    // Whatever isn't well says what it means and what to do.
    expect([finding.meaning !== undefined, finding.advice?.includes("HEADRACE_DATA") === true]).toEqual(
      state === "ok" ? [false, false] : [true, true],
    );
  });
});

describe("room on the disk", () => {
  test.each([
    [GIB - 1, 0, "problem"],
    [GIB, GIB, "ok"],
    [5 * GIB, 10 * GIB, "warning"],
    [10 * GIB, 10 * GIB, "ok"],
  ] as const)("%i bytes free while the log may grow by %i", (free, mayGrow, state) => {
    expect(spaceFinding(free, mayGrow)).toMatchObject({ state, values: { free_bytes: free } });
  });

  test.each([
    [0, 0, "ok"],
    [1_000_000, 999, "problem"],
    [1_000_000, 19_999, "warning"],
    [1_000_000, 20_000, "ok"],
  ] as const)("of %i inodes %i are free", (total, free, state) => {
    expect(inodesFinding(total, free).state).toBe(state);
  });
});

describe("the time of a sync", () => {
  test.each([
    [0.002, "warning"],
    [0.5, "ok"],
    [20, "ok"],
    [21, "warning"],
  ] as const)("of %d ms", (median, state) => {
    expect(syncFinding(median, 30)).toMatchObject({ state, values: { median_ms: median, max_ms: 30 } });
  });

  test("says how often one producer gets an answer", () => {
    expect(syncFinding(2, 3).meaning).toContain("at most 500 a second");
  });
});

describe("the clock", () => {
  const now = Date.UTC(2026, 10, 22, 12);
  test.each([
    [Number.NEGATIVE_INFINITY, "ok", null],
    [now - DAY, "ok", 0],
    [now + 900, "ok", 900],
    [now + HOUR, "warning", HOUR],
  ] as const)("with the newest event at %d", (newest, state, behind) => {
    expect(clockFinding(newest, now)).toMatchObject({ state, values: { behind_ms: behind } });
  });

  test("that is behind tells by how much", () => {
    expect(clockFinding(now + 3 * HOUR, now).found).toContain("3 hours before the newest event");
  });
});

test("sizes and times are shown with at most a few digits", () => {
  expect([0, 1023, KIB, 1.55 * GIB, 250 * GIB].map(showBytes)).toEqual([
    "0 bytes",
    "1023 bytes",
    "1 KiB",
    "1.6 GiB",
    "250 GiB",
  ]);
  expect([0.01234, 45.6, 1500, MINUTE, 2 * HOUR, 3 * DAY].map(showTime)).toEqual([
    "0.012 ms",
    "46 ms",
    "1.5 s",
    "1 minute",
    "2 hours",
    "3 days",
  ]);
});
