import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { surveyLog } from "../../../src/log/embedded/survey.ts";
import { HOUR, KIB } from "../../../src/units.ts";
import { batchOf } from "../contract.ts";
import { LogFolder, NOW } from "./folder.ts";

let folder: LogFolder;

beforeEach(async () => {
  folder = await LogFolder.create();
});
afterEach(() => folder.destroy());

test("counts what every segment holds, while the log is open, and changes nothing", async () => {
  await folder.with(
    async (log) => {
      for (let n = 0; n < 20; n += 1) {
        await log.append("s", batchOf(`${n}`, { events: 2, rejected: 1, pad: 450, acceptedAt: NOW + n }));
      }
      const { segments, end } = log.status("s", 0);
      const [survey] = await surveyLog(folder.root);
      expect(segments).toBeGreaterThan(3);
      expect(survey).toMatchObject({ stream: "s", segments, events: end.offset, newestAcceptedAt: NOW + 19 });
      expect(survey?.bytes).toBeGreaterThanOrEqual(log.status("s", 0).bytes);
    },
    { segmentBytes: 4 * KIB },
  );
  const before = await folder.snapshot();
  expect(await surveyLog(folder.root)).toMatchObject([{ events: 60 }]);
  expect(await folder.snapshot()).toEqual(before);
});

test("the newest accept time stays when the clock was set back behind it", async () => {
  await folder.with(async (log) => {
    await log.append("s", batchOf("late", { acceptedAt: NOW + HOUR }));
    await log.append("s", batchOf("early", { acceptedAt: NOW }));
  });
  expect(await surveyLog(folder.root)).toMatchObject([{ newestAcceptedAt: NOW + HOUR }]);
});

test("a log without events, and a folder without a log, are nothing special", async () => {
  await folder.with(async () => {});
  expect(await surveyLog(folder.root)).toMatchObject([
    { segments: 1, events: 0, newestAcceptedAt: undefined },
  ]);
  expect(await surveyLog(join(folder.root, "none"))).toEqual([]);
  const file = join(folder.root, "file");
  await writeFile(file, "");
  await expect(surveyLog(file)).rejects.toMatchObject({ code: "ENOTDIR" });
});
