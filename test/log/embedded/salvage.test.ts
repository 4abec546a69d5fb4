import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realFileSystem } from "../../../src/file-system.ts";
import { examineLog } from "../../../src/log/embedded/salvage/examine-log.ts";
import { salvageLog, type Salvaged } from "../../../src/log/embedded/salvage/salvage-log.ts";
import type { LogBatch } from "../../../src/log/log.ts";
import { batchOf, readAll, SCHEMA, WIDER_SCHEMA } from "../contract.ts";
import { LogFolder, NOW, tagsOf } from "./folder.ts";

const FIRST = "00000000000000000000.log";
const MAGIC = Buffer.from([0x89, 0x48, 0x52, 0x0a]);

let folder: LogFolder;
let marks: number;
beforeEach(async () => {
  folder = await LogFolder.create();
  marks = 0;
});
afterEach(() => folder.destroy());

/** Batches of two events and a rejected one each. */
const many = Array.from({ length: 60 }, (_, n) => `batch ${n}`);

const salvage = (accepts: (line: Buffer) => boolean = () => false): Promise<Salvaged> =>
  salvageLog({
    stream: "s",
    folder: folder.stream,
    assumption: { schema: SCHEMA, accepts, positions: [] },
    mark: String((marks += 1)),
  });

const examine = () => examineLog(realFileSystem, "s", folder.stream);

async function read(): Promise<LogBatch[]> {
  return folder.with((log) => readAll(log, "s"));
}

/** Identity and content of each batch. */
const placesOf = (batches: readonly LogBatch[]): string[] =>
  batches.map(
    ({ log, offset, events, rejected }) =>
      `${log} ${offset} ${events.bytes.toString()} ${rejected.bytes.toString()}`,
  );

async function damage(name: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  const path = join(folder.stream, name);
  await writeFile(path, change(await readFile(path)));
}

function recordStarts(segment: Buffer): number[] {
  const starts: number[] = [];
  for (let at = segment.indexOf(MAGIC); at >= 0; at = segment.indexOf(MAGIC, at + 1)) starts.push(at);
  return starts;
}

const flip =
  (at: number, mask = 0x10) =>
  (bytes: Buffer) => {
    bytes[at] = (bytes[at] ?? 0) ^ mask;
    return bytes;
  };

describe("a salvage", () => {
  it("keeps each whole record with its log id and offset, and says which offsets are lost", async () => {
    await folder.appendTags(many, { segmentBytes: 4096 });
    const before = await read();
    const segment = (await folder.snapshot()).get(FIRST) ?? Buffer.alloc(0);
    const [, second = 0] = recordStarts(segment);
    await damage(FIRST, flip(second + 100));
    await rm(join(folder.stream, "00000000000000000000.side"));
    await expect(folder.open()).rejects.toMatchObject({ code: "log_corrupt" });
    const old = await folder.snapshot();

    const salvaged = await salvage();
    expect(salvaged).toMatchObject({ lost: [{ from: 3, to: 6 }], batches: 59, events: 118, rejected: 59 });
    expect(salvaged.examination.damages).toMatchObject([
      { file: join(folder.stream, FIRST), byte: second, what: "no whole record" },
    ]);
    const after = await read();
    expect(placesOf(after)).toEqual(placesOf(before.filter(({ offset }) => offset !== 3)));
    await folder.with(async (log) => {
      const status = log.status("s", 0);
      expect(status.lost).toBe(3);
      expect(status.end).toEqual({ log: salvaged.log, offset: 180 });
      expect(status.end.log).not.toBe(before[0]?.log);
      expect(await log.recall("s", "batch 0")).toBeDefined();
      expect(await log.recall("s", "batch 1")).toBeUndefined();
      const next = await log.append("s", batchOf("later", { acceptedAt: NOW }));
      expect(next).toMatchObject({ kind: "appended", position: { log: salvaged.log, offset: 180 } });
    });
    // The damaged one is kept, byte by byte.
    const kept = new Map<string, Buffer>();
    for (const name of (await readdir(salvaged.aside)).sort())
      kept.set(name, await readFile(join(salvaged.aside, name)));
    expect(kept).toEqual(old);
    // And the next examination finds a healthy log.
    expect(await examine()).toMatchObject({ refusal: undefined, damages: [], lost: [], torn: undefined });
  });

  it("bridges a missing segment, wherever it is", async () => {
    await folder.appendTags(many, { segmentBytes: 4096 });
    const before = await read();
    const files = await folder.snapshot();
    const names = await folder.names(".log");
    for (const [index, name] of names.entries()) {
      const from = Number(name.slice(0, 20));
      const to = index === names.length - 1 ? 180 : Number(names[index + 1]?.slice(0, 20));
      await folder.restore(files);
      await rm(join(folder.stream, name));
      await expect(folder.open()).rejects.toMatchObject({ code: "log_corrupt" });
      const { lost } = await salvage();
      // What was behind the last record that is there, nobody knows.
      expect(lost).toEqual(index === names.length - 1 ? [] : [{ from, to }]);
      const kept = before.filter(({ offset }) => offset < from || offset >= to);
      expect(placesOf(await read())).toEqual(placesOf(kept));
      // A second start, after its own healing, has the same.
      expect(placesOf(await read())).toEqual(placesOf(kept));
    }
  });

  it("knows a header again whose bits flipped, by its records", async () => {
    await folder.appendTags(["a", "b", "c"]);
    const before = await read();
    const files = await folder.snapshot();
    const segment = files.get(FIRST) ?? Buffer.alloc(0);
    const [header = 0] = recordStarts(segment);
    for (let at = 0; at < header; at += 7) {
      await folder.restore(files);
      await damage(FIRST, flip(at, 1 << (at % 8)));
      await expect(folder.open()).rejects.toMatchObject({ code: "log_corrupt" });
      const { lost, examination } = await salvage();
      expect(lost).toEqual([]);
      expect(examination.damages).toMatchObject([
        { byte: 0, what: "the header was damaged; it is known again" },
      ]);
      expect(placesOf(await read())).toEqual(placesOf(before));
    }
  });

  it("takes today's schema for a header that is lost, for batches that fit it whole", async () => {
    await folder.appendTags(["a", "b", "c"]);
    const before = await read();
    await damage(FIRST, (bytes) => bytes.fill(0, 0, 60));
    const { lost, batches } = await salvage((line) => !line.includes('"b"'));
    expect({ lost, batches }).toEqual({ lost: [{ from: 3, to: 6 }], batches: 2 });
    const after = await read();
    expect(tagsOf(after)).toEqual(["a", "c"]);
    expect(after.map(({ offset }) => offset)).toEqual([0, 6]);
    // Nothing names its log id, so nothing of it is in the store: a new one is as good.
    expect(after[0]?.log).not.toBe(before[0]?.log);
  });

  it("finds the log id of a lost header in the cursors", async () => {
    await folder.appendTags(["a", "b", "c"]);
    const [first] = await read();
    await folder.with((log) => log.commit("s", 0, "loader", { log: first?.log ?? "", offset: 6 }));
    await damage(FIRST, (bytes) => bytes.fill(0, 0, 60));
    await salvage(() => true);
    const after = await read();
    expect(after.map(({ log }) => log)).toEqual(Array.from({ length: 3 }, () => first?.log));
    await folder.with(async (log) =>
      expect(await log.cursor("s", 0, "loader")).toEqual({ log: first?.log, offset: 6 }),
    );
  });

  it("keeps schemas, lineage and cursors over several log ids, and cursors in what is lost go on behind it", async () => {
    await folder.appendTags(["a", "b"]);
    await writeFile(join(folder.stream, FIRST), "torn", { flag: "a" });
    await folder.with(async (log) => {
      for (const tag of ["c", "d"])
        await log.append("s", batchOf(tag, { events: 2, rejected: 1, acceptedAt: NOW }));
    });
    await folder.with((log) => log.append("s", batchOf("e", { acceptedAt: NOW })), {
      streams: [{ name: "s", schema: WIDER_SCHEMA }],
    });
    const before = await folder.with((log) => readAll(log, "s"), {
      streams: [{ name: "s", schema: WIDER_SCHEMA }],
    });
    expect(new Set(before.map(({ log }) => log)).size).toBe(2);
    await folder.with(
      async (log) => {
        await log.commit("s", 0, "loader", { log: before[0]?.log ?? "", offset: 1 });
        await log.commit("s", 0, "other", { log: before[2]?.log ?? "", offset: 9 });
      },
      { streams: [{ name: "s", schema: WIDER_SCHEMA }] },
    );
    const second = (await folder.names(".log"))[1] ?? "";
    const bytes = (await folder.snapshot()).get(second) ?? Buffer.alloc(0);
    await damage(second, flip((recordStarts(bytes)[0] ?? 0) + 70));
    const { lost } = await salvage();
    expect(lost).toEqual([{ from: 6, to: 9 }]);
    const after = await folder.with((log) => readAll(log, "s"), {
      streams: [{ name: "s", schema: WIDER_SCHEMA }],
    });
    expect(placesOf(after)).toEqual(placesOf(before.filter(({ offset }) => offset !== 6)));
    expect(after.map(({ schema }) => schema.fingerprint)).toEqual(
      before.filter(({ offset }) => offset !== 6).map(({ schema }) => schema.fingerprint),
    );
    await folder.with(
      async (log) => {
        expect(await log.cursor("s", 0, "loader")).toEqual({ log: before[0]?.log, offset: 1 });
        expect((await log.cursor("s", 0, "other")).offset).toBe(9);
        // A reader that stands in what is lost goes on behind it.
        const [next] = await log.read(
          "s",
          0,
          { log: before[2]?.log ?? "", offset: 7 },
          { bytes: 1, events: 1 },
        );
        expect(next?.offset).toBe(9);
      },
      { streams: [{ name: "s", schema: WIDER_SCHEMA }] },
    );
  });

  it("makes damaged side files again, and takes what the whole lines of a damaged cursor file say", async () => {
    await folder.appendTags(many, { segmentBytes: 4096 });
    const before = await read();
    const log = before[0]?.log ?? "";
    await folder.with(async (open) => {
      for (const offset of [3, 6, 9]) await open.commit("s", 0, "loader", { log, offset });
      await open.commit("s", 0, "other", { log, offset: 12 });
    });
    await damage("00000000000000000000.side", flip(40));
    await damage("cursors", (bytes) => flip(bytes.lastIndexOf("loader"))(bytes));
    const { lost, examination, forgotten } = await salvage();
    expect(examination.damages.map(({ file }) => file)).toEqual([
      join(folder.stream, "00000000000000000000.side"),
      join(folder.stream, "cursors"),
    ]);
    expect({ lost, forgotten }).toEqual({ lost: [], forgotten: [] });
    await folder.with(async (open) => {
      expect(placesOf(await readAll(open, "s"))).toEqual(placesOf(before));
      expect(open.status("s", 0).keys).toBe(60);
      expect(await open.cursor("s", 0, "other")).toEqual({ log, offset: 12 });
      expect((await open.cursor("s", 0, "loader")).offset).toBeLessThanOrEqual(9);
    });
  });

  it("makes an empty log of one without a whole record, and offsets of before mean its beginning", async () => {
    await folder.appendTags(["a", "b"]);
    const [first] = await read();
    const position = { log: first?.log ?? "", offset: 6 };
    await folder.with((log) => log.commit("s", 0, "loader", position));
    await damage(FIRST, (bytes) => bytes.fill(0));
    const { batches, forgotten } = await salvage();
    expect({ batches, forgotten }).toEqual({ batches: 0, forgotten: [] });
    await folder.with(async (log) => {
      expect(await readAll(log, "s")).toEqual([]);
      expect((await log.cursor("s", 0, "loader")).offset).toBe(0);
    });
  });

  it("changes nothing when it can't be written, and a start refuses to go on with half of it", async () => {
    await folder.appendTags(["a", "b", "c"]);
    const files = await folder.snapshot();
    await damage(FIRST, flip(files.get(FIRST)?.indexOf(MAGIC) ?? 0));
    await salvage();
    // As a crash between the two renames leaves it.
    const { rename } = await import("node:fs/promises");
    await rename(folder.stream, `${folder.stream}.salvaged`);
    await expect(folder.open()).rejects.toMatchObject({
      code: "log_corrupt",
      message: expect.stringContaining("cut short"),
    });
    await salvage();
    expect(tagsOf(await read())).toEqual(["b", "c"]);
    expect((await readdir(folder.root)).sort()).toEqual(["s", "s.damaged-1", "s.damaged-2"]);
  });
});
