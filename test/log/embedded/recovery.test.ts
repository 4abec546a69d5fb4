import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { isDeepStrictEqual } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toHeadraceError } from "../../../src/errors.ts";
import { batchOf, readAll, START, WIDER_SCHEMA } from "../contract.ts";
import { LogFolder, NOW, tagsOf } from "./folder.ts";

const TAGS = ["a", "b", "c", "d", "e", "f"];
const FIRST = "00000000000000000000.log";

describe("recovery of the embedded log", () => {
  let folder: LogFolder;

  beforeEach(async () => {
    folder = await LogFolder.create();
  });
  afterEach(() => folder.destroy());

  const filled = async (): Promise<{
    files: Map<string, Buffer>;
    segment: Buffer;
    starts: number[];
    log: string;
  }> => {
    await folder.appendTags(TAGS);
    const files = await folder.snapshot();
    const segment = files.get(FIRST) ?? Buffer.alloc(0);
    const starts = boundaries(segment);
    expect(starts).toHaveLength(TAGS.length + 1);
    const log = await folder.with(async (opened) => opened.status("s", 0).end.log);
    return { files, segment, starts, log };
  };

  /** Opens what must not open, and tells why it didn't and whether anything was changed. */
  const refusal = async (): Promise<{
    code: unknown;
    message: string;
    byte: unknown;
    unchanged: boolean;
  }> => {
    const before = await folder.snapshot();
    const error = await folder.open().then(
      () => new Error("it opened"),
      (reason: unknown) => reason,
    );
    const { code, message, details } = toHeadraceError(error);
    return {
      code,
      message,
      byte: details["byte"],
      unchanged: isDeepStrictEqual(await folder.snapshot(), before),
    };
  };
  const corrupt = (file: string): { code: string; message: unknown; unchanged: boolean } => ({
    code: "log_corrupt",
    message: expect.stringContaining(join(folder.stream, file)),
    unchanged: true,
  });

  it(
    "cuts a torn tail off at every byte of the last two records, and begins a new log id",
    { timeout: 60_000 },
    async () => {
      const { segment, starts, log: firstLog } = await filled();
      const recovered: unknown[] = [];
      for (let cut = starts.at(-3) ?? 0; cut < segment.length; cut += 1) {
        const whole = starts.findLastIndex((start) => start <= cut);
        await folder.restore(new Map([[FIRST, segment.subarray(0, cut)]]));
        const torn = cut > (starts[whole] ?? 0);
        recovered.length = 0;
        const observer = { recovered: (_stream: string, lost: unknown) => recovered.push(lost) };
        await folder.with(
          async (log) => {
            expect(tagsOf(await readAll(log, "s"))).toEqual(TAGS.slice(0, whole));
            const { end } = log.status("s", 0);
            expect(end.offset).toBe(whole * 3);
            expect(end.log === firstLog, `cut at ${cut}`).toBe(!torn);
            const lost = {
              file: join(folder.stream, FIRST),
              byte: starts[whole],
              bytes: cut - (starts[whole] ?? 0),
            };
            expect(recovered).toEqual(torn ? [lost] : []);
            for (const tag of TAGS.slice(whole)) expect(await log.recall("s", tag)).toBeUndefined();
            await log.append("s", batchOf("later", { acceptedAt: NOW, key: TAGS[whole] ?? "" }));
          },
          { observer },
        );
        if (cut % 7 > 0) continue;
        // A second start finds nothing to do.
        recovered.length = 0;
        await folder.with(
          async (log) => expect(tagsOf(await readAll(log, "s"))).toEqual([...TAGS.slice(0, whole), "later"]),
          { observer },
        );
        expect(recovered).toEqual([]);
      }
    },
  );

  it(
    "takes a flipped bit in the last record for a torn tail, wherever it is",
    { timeout: 60_000 },
    async () => {
      const { segment, starts, log: firstLog } = await filled();
      for (let at = starts.at(-2) ?? 0; at < segment.length; at += 1) {
        const flipped = Buffer.from(segment);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        await folder.restore(new Map([[FIRST, flipped]]));
        await folder.with(async (log) => {
          expect(tagsOf(await readAll(log, "s"))).toEqual(TAGS.slice(0, -1));
          expect(log.status("s", 0).end.log).not.toBe(firstLog);
        });
      }
    },
  );

  it(
    "refuses a flipped bit in a record that others follow, naming file and byte",
    { timeout: 60_000 },
    async () => {
      const { segment, starts } = await filled();
      const [, second = 0, third = 0] = starts;
      for (let at = second; at < third; at += 3) {
        const flipped = Buffer.from(segment);
        flipped[at] = (flipped[at] ?? 0) ^ 0x10;
        await folder.restore(new Map([[FIRST, flipped]]));
        expect(await refusal()).toMatchObject({ ...corrupt(FIRST), byte: second });
      }
    },
  );

  it("refuses a flipped bit anywhere in a segment's header", { timeout: 60_000 }, async () => {
    const { segment, starts } = await filled();
    for (let at = 0; at < (starts[0] ?? 0); at += 1) {
      const flipped = Buffer.from(segment);
      flipped[at] = (flipped[at] ?? 0) ^ 0x01;
      await folder.restore(new Map([[FIRST, flipped]]));
      expect(await refusal()).toMatchObject(corrupt(FIRST));
    }
  });

  it("cuts off a tail of zeros", async () => {
    const { segment, starts, log: firstLog } = await filled();
    for (const zeros of [1, 63, 64, 5_000]) {
      await folder.restore(new Map([[FIRST, Buffer.concat([segment, Buffer.alloc(zeros)])]]));
      await folder.with(async (log) => {
        expect(tagsOf(await readAll(log, "s"))).toEqual(TAGS);
        expect(log.status("s", 0).end.log).not.toBe(firstLog);
      });
      const zeroed = Buffer.concat([segment.subarray(0, starts.at(-2)), Buffer.alloc(zeros)]);
      await folder.restore(new Map([[FIRST, zeroed]]));
      await folder.with(async (log) => expect(tagsOf(await readAll(log, "s"))).toEqual(TAGS.slice(0, -1)));
    }
  });

  it("takes damage in the middle of the last group for a torn tail, since a power failure may reorder writes", async () => {
    await folder.with(async (log) => {
      await log.append("s", batchOf("alone", { acceptedAt: NOW }));
      await Promise.all(["x", "y", "z"].map((tag) => log.append("s", batchOf(tag, { acceptedAt: NOW }))));
    });
    const segment = (await folder.snapshot()).get(FIRST) ?? Buffer.alloc(0);
    const starts = boundaries(segment);
    const damaged = Buffer.from(segment).fill(0, starts[2], (starts[2] ?? 0) + 20);
    await folder.restore(new Map([[FIRST, damaged]]));
    await folder.with(async (log) => expect(tagsOf(await readAll(log, "s"))).toEqual(["alone", "x"]));
  });

  it("maps a cursor in a lost tail to the start of the next log", async () => {
    const { files, segment, starts, log: firstLog } = await filled();
    await folder.with(async (log) => {
      await log.commit("s", 0, "loader", { log: firstLog, offset: 18 });
      await log.commit("s", 0, "behind", { log: firstLog, offset: 3 });
    });
    const { cursors } = Object.fromEntries(await folder.snapshot());
    await folder.restore(
      new Map([
        ...files,
        [FIRST, segment.subarray(0, (starts.at(-2) ?? 0) + 10)],
        ["cursors", cursors ?? Buffer.alloc(0)],
      ]),
    );
    for (let start = 0; start < 2; start += 1) {
      await folder.with(async (log) => {
        const { end } = log.status("s", 0);
        expect(end.offset).toBe(15 + start);
        expect(await log.cursor("s", 0, "loader")).toEqual({ log: end.log, offset: 15 });
        expect(end.log).not.toBe(firstLog);
        expect(await log.cursor("s", 0, "behind")).toEqual({ log: firstLog, offset: 3 });
        // A reader that was never told goes on at the same place.
        expect(await log.read("s", 0, { log: firstLog, offset: 18 }, { bytes: 1, events: 1 })).toHaveLength(
          start,
        );
        await log.append("s", batchOf(`later ${start}`, { acceptedAt: NOW }));
      });
    }
  });

  it("begins a new log id when a cursor shows that a tail is gone without a trace", async () => {
    const { segment, starts, log: firstLog } = await filled();
    await folder.with((log) => log.commit("s", 0, "loader", { log: firstLog, offset: 18 }));
    const files = await folder.snapshot();
    await folder.restore(new Map([...files, [FIRST, segment.subarray(0, starts.at(-2))]]));
    await folder.with(async (log) => {
      const { end } = log.status("s", 0);
      expect(end.offset).toBe(15);
      expect(end.log).not.toBe(firstLog);
      expect(await log.cursor("s", 0, "loader")).toEqual(end);
    });
  });

  it("has the same after a hundred starts, of which some lose a tail", { timeout: 60_000 }, async () => {
    const tags: string[] = [];
    const logs = new Set<string>();
    for (let n = 0; n < 100; n += 1) {
      await folder.with(
        async (log) => {
          logs.add(log.status("s", 0).end.log);
          expect(tagsOf(await readAll(log, "s"))).toEqual(tags);
          tags.push(`batch ${n}`);
          await log.append("s", batchOf(`batch ${n}`, { acceptedAt: NOW, key: `${n}` }));
          expect(log.status("s", 0).keys).toBe(n + 1);
        },
        { segmentBytes: 4096 },
      );
      if (n % 5 === 0) {
        const last = (await folder.names(".log")).at(-1) ?? "";
        await writeFile(join(folder.stream, last), "torn", { flag: "a" });
      }
    }
    expect(logs.size).toBe(21);
  });

  describe("of several segments", () => {
    const many = Array.from({ length: 60 }, (_, n) => `batch ${n}`);
    let files: Map<string, Buffer>;

    beforeEach(async () => {
      await folder.appendTags(many, { segmentBytes: 4096 });
      files = await folder.snapshot();
    });

    it("refuses a missing segment, wherever it is", async () => {
      expect((await folder.names(".log")).length).toBeGreaterThan(3);
      for (const name of await folder.names(".log")) {
        await rm(join(folder.stream, name));
        // The last one is missed because the one before it was closed.
        const isLast = name === [...files.keys()].findLast((one) => one.endsWith(".log"));
        expect(await refusal()).toMatchObject(corrupt(isLast ? "" : name));
        await folder.restore(files);
      }
      for (const name of await folder.names(".log")) await rm(join(folder.stream, name));
      expect(await refusal()).toMatchObject(corrupt(""));
    });

    it("refuses a closed segment that is shorter or longer than it was", async () => {
      const bytes = files.get(FIRST) ?? Buffer.alloc(0);
      await folder.restore(new Map([...files, [FIRST, bytes.subarray(0, -1)]]));
      expect(await refusal()).toMatchObject({ ...corrupt(FIRST), byte: bytes.length - 1 });
      await folder.restore(new Map([...files, [FIRST, Buffer.concat([bytes, Buffer.alloc(1)])]]));
      expect(await refusal()).toMatchObject({ ...corrupt(FIRST), byte: bytes.length });
    });

    it("refuses a damaged side file, and makes a missing one again", async () => {
      const side = "00000000000000000000.side";
      const bytes = files.get(side) ?? Buffer.alloc(0);
      for (let at = 0; at < bytes.length; at += 11) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ 0x04;
        await folder.restore(new Map([...files, [side, flipped]]));
        expect(await refusal()).toMatchObject(corrupt(side));
      }
      await folder.restore(files);
      await rm(join(folder.stream, side));
      await folder.with(async (log) => {
        expect(tagsOf(await readAll(log, "s"))).toEqual(many);
        expect(log.status("s", 0).keys).toBe(many.length);
      });
      expect((await folder.snapshot()).get(side)).toEqual(bytes);
    });

    it("finds damage in a closed segment when it has no side file, and else when it is read", async () => {
      const bytes = Buffer.from(files.get(FIRST) ?? Buffer.alloc(0));
      const at = bytes.indexOf('"event"');
      bytes.write("EVENT", at + 1);
      await folder.restore(new Map([...files, [FIRST, bytes]]));
      await folder.with(async (log) => {
        await expect(log.read("s", 0, START, { bytes: 1, events: 1 })).rejects.toMatchObject({
          code: "log_corrupt",
          message: expect.stringContaining(FIRST),
        });
      });
      await rm(join(folder.stream, "00000000000000000000.side"));
      expect(await refusal()).toMatchObject(corrupt(FIRST));
    });

    it("refuses a segment of another stream", async () => {
      await folder.with(async () => {}, { streams: [{ name: "other", schema: WIDER_SCHEMA }] });
      await rm(join(folder.root, "other", FIRST));
      await writeFile(join(folder.root, "other", FIRST), files.get(FIRST) ?? "");
      await expect(folder.open({ streams: [{ name: "other", schema: WIDER_SCHEMA }] })).rejects.toMatchObject(
        {
          code: "log_corrupt",
        },
      );
    });

    it("removes what a crash left before it was put in place", async () => {
      await writeFile(join(folder.stream, "00000000000000009999.log.tmp"), "half a header");
      await writeFile(join(folder.stream, "cursors.tmp"), "half a cursor");
      await folder.with(async (log) => expect(tagsOf(await readAll(log, "s"))).toEqual(many));
      expect(await folder.names(".tmp")).toEqual([]);
    });

    it("cuts off what a recovery that crashed had still to cut off", async () => {
      // The state between the new segment and the cut: the closed segment is longer than its successor says.
      const side = "00000000000000000000.side";
      const bytes = files.get(FIRST) ?? Buffer.alloc(0);
      const interrupted = new Map([...files, [FIRST, Buffer.concat([bytes, Buffer.from("torn")])]] as const);
      interrupted.delete(side);
      await folder.restore(interrupted);
      await folder.with(async (log) => expect(tagsOf(await readAll(log, "s"))).toEqual(many));
      expect((await folder.snapshot()).get(FIRST)).toEqual(bytes);
      expect((await folder.snapshot()).get(side)).toEqual(files.get(side));
    });
  });

  it("changes no stream when another one is damaged", async () => {
    await folder.appendTags(TAGS);
    const segment = (await folder.snapshot()).get(FIRST) ?? Buffer.alloc(0);
    await folder.restore(new Map([[FIRST, segment.subarray(0, -1)]]));
    await folder.with(async () => {}, { streams: [{ name: "other", schema: WIDER_SCHEMA }] });
    await writeFile(join(folder.root, "other", FIRST), "damaged");
    const before = await folder.snapshot();
    await expect(
      folder.open({ streams: ["s", "other"].map((name) => ({ name, schema: WIDER_SCHEMA })) }),
    ).rejects.toMatchObject({ code: "log_corrupt" });
    expect(await folder.snapshot()).toEqual(before);
  });

  it("refuses a damaged cursor that others follow, and passes over one that was never finished", async () => {
    const { log: logId } = await filled();
    await folder.with(async (log) => {
      for (let offset = 0; offset < 5; offset += 1)
        await log.commit("s", 0, "loader", { log: logId, offset });
    });
    const files = await folder.snapshot();
    const cursors = files.get("cursors") ?? Buffer.alloc(0);
    await folder.restore(new Map([...files, ["cursors", cursors.subarray(0, -3)]]));
    await folder.with(async (log) => expect((await log.cursor("s", 0, "loader")).offset).toBe(3));
    const flipped = Buffer.from(cursors);
    flipped[12] = (flipped[12] ?? 0) ^ 0x01;
    await folder.restore(new Map([...files, ["cursors", flipped]]));
    expect(await refusal()).toMatchObject(corrupt("cursors"));
    await folder.restore(files);
    const line = JSON.stringify([{ subscription: "loader", log: "of another folder", offset: 0 }]);
    const foreign = Buffer.from(`${crc32(line).toString(16).padStart(8, "0")} ${line}\n`);
    await folder.restore(new Map([...files, ["cursors", foreign]]));
    expect(await refusal()).toMatchObject(corrupt("cursors"));
  });
});

/** Where each record of a segment begins, and where the last one ends. */
function boundaries(segment: Buffer): number[] {
  const magic = Buffer.from([0x89, 0x48, 0x52, 0x0a]);
  const places: number[] = [];
  for (let at = segment.indexOf(magic); at >= 0; at = segment.indexOf(magic, at + 1)) places.push(at);
  return [...places, segment.length];
}
