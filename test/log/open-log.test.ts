import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openLog } from "../../src/log/open-log.ts";
import { batchOf, SCHEMA } from "./contract.ts";
import { LogFolder } from "./embedded/folder.ts";

describe("openLog", () => {
  let folder: LogFolder;
  beforeEach(async () => {
    folder = await LogFolder.create();
  });
  afterEach(() => folder.destroy());

  it("opens the embedded log in the given folder, or in the one that the URL names", async () => {
    const log = await openLog("file:", options(folder.root));
    await log.append("s", batchOf("a"));
    await log.close();
    for (const url of [`file:${folder.root}`, pathToFileURL(folder.root).href]) {
      const again = await openLog(url, options(join(folder.root, "elsewhere")));
      expect(again.status("s", 0).end.offset).toBe(1);
      await again.close();
    }
  });

  it("refuses what it doesn't know, and settings that make no sense", async () => {
    for (const url of [
      "kafka://localhost",
      "nats://localhost:4222",
      "tls://localhost",
      "",
      "log",
      "file://another.host/log",
    ]) {
      await expect(openLog(url, options(folder.root))).rejects.toMatchObject({ code: "config_invalid" });
    }
    for (const bad of [
      { segmentBytes: 100 },
      { segmentBytes: 2 ** 40 },
      { retention: { age: 0 } },
      { retention: { bytes: -1 } },
    ]) {
      await expect(openLog("file:", { ...options(folder.root), ...bad })).rejects.toMatchObject({
        code: "config_invalid",
      });
    }
  });
});

function options(folder: string): Parameters<typeof openLog>[1] {
  return { folder, streams: [{ name: "s", schema: SCHEMA }] };
}
