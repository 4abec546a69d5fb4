import { expect, test } from "vitest";
import { damageFindings, lostText } from "../../../src/cli/doctor/damage.ts";
import { HeadraceError } from "../../../src/errors.ts";
import type { LogExamination } from "../../../src/log/embedded/salvage/examine-log.ts";

const SOUND: LogExamination = {
  stream: "s",
  folder: "/log/s",
  refusal: undefined,
  segments: [],
  damages: [],
  torn: undefined,
  lost: [],
  events: 0,
  rejected: 0,
  first: 0,
  end: 0,
  cursors: new Map(),
  keyFiles: [],
};
const place = (byte: number) => ({ file: "/log/s/0.log", byte, bytes: 10, what: "no whole record" });
const findings = (log: Partial<LogExamination>, loaded = 0) =>
  damageFindings({ streams: [{ log: { ...SOUND, ...log }, loaded }], ledgers: [], unfinished: [] });

test("offsets that can't be read are told with how many of them were loaded", () => {
  expect(lostText({ from: 3, to: 4 }, 0)).toBe("offset 3 can't be read (1 event): not loaded yet");
  expect(lostText({ from: 3, to: 6 }, 6)).toBe(
    "offsets 3 to 5 can't be read (3 events): loaded before, so the store has what came of them",
  );
  expect(lostText({ from: 3, to: 6 }, 5)).toBe(
    "offsets 3 to 5 can't be read (3 events): 2 were loaded before, 1 weren't",
  );
});

test("what is lost is a problem, what the store has is a warning, and a torn tail too", () => {
  const all = findings(
    {
      lost: [
        { from: 0, to: 2 },
        { from: 5, to: 6 },
      ],
      torn: place(7),
    },
    2,
  );
  expect(all.map(({ check, state }) => `${check} ${state}`)).toEqual([
    "log.lost warning",
    "log.lost problem",
    "log.tail warning",
  ]);
});

test("of many damaged places the first are listed, and of the others the number", () => {
  const all = findings({ damages: Array.from({ length: 25 }, (_, byte) => place(byte)) });
  expect(all).toHaveLength(21);
  expect(all.at(-1)?.found).toBe("5 more places of s");
});

test("damage that no start would meet stops the loading, and what a start refuses is told even if no file explains it", () => {
  expect(findings({ damages: [place(1)] })[0]?.meaning).toContain("the loading of this stream stops");
  const refusal = new HeadraceError("log_corrupt", "it is of another stream");
  expect(findings({ refusal })).toMatchObject([
    { found: "it is of another stream", meaning: "No server starts on this folder." },
  ]);
});

test("a salvage that was cut short is a problem", () => {
  const all = damageFindings({ streams: [], ledgers: [], unfinished: ["s"] });
  expect(all).toMatchObject([{ check: "log.salvage", state: "problem" }]);
});
