import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLedger } from "../../src/load/ledger.ts";
import { ledgerFile, type LedgerFile } from "../../src/load/ledger-file.ts";
import type { LedgerEntry, LedgerState } from "../../src/load/ledger-state.ts";
import { LEDGER_BYTES_MAX, LEDGER_INSERTS_MAX } from "../../src/load/limits.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-ledger-"));
  path = join(folder, "flights-0.ledger");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const BEGIN: LedgerState = { storeId: "s1", loaded: { log: "l1", offset: 0 }, inserts: [], refused: [] };
const begin: LedgerEntry = { kind: "state", state: BEGIN };
const plan = (from: number, to: number): LedgerEntry => ({
  kind: "plan",
  log: "l1",
  from,
  to,
  duplicates: [{ from, to: from + 1 }],
});

const open = (file: LedgerFile = ledgerFile(path)) => openLedger(file, path);

test("a new ledger has no state and makes no file before its first entry", async () => {
  const ledger = await open();
  expect(ledger.state).toBeUndefined();
  await ledger.close();
  await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
});

test("what was recorded is read again, step by step", async () => {
  const ledger = await open();
  for (const entry of [
    begin,
    plan(0, 10),
    {
      kind: "refused",
      refused: [{ offset: 4, acceptedAt: 7, reason: { path: "", code: "c", message: "m" } }],
    },
    { kind: "loaded", stored: 8 },
    plan(10, 20),
  ] satisfies LedgerEntry[]) {
    const state = await ledger.record(entry);
    const again = await open();
    expect(again.state).toEqual(state);
    await again.close();
  }
  expect(ledger.state).toEqual({
    storeId: "s1",
    loaded: { log: "l1", offset: 10 },
    inserts: [{ log: "l1", from: 0, to: 10, stored: 8 }],
    refused: [{ log: "l1", offset: 4, acceptedAt: 7 }],
    plan: { log: "l1", from: 10, to: 20, duplicates: [{ from: 10, to: 11 }], refused: [] },
  });
  await ledger.close();
});

test("cut at any byte of its last line, the ledger is as before that line", async () => {
  const ledger = await open();
  const before = await ledger.record(begin);
  const whole = await readFile(path);
  await ledger.record(plan(0, 10));
  await ledger.close();
  const bytes = await readFile(path);
  for (let end = whole.length; end < bytes.length; end++) {
    await writeFile(path, bytes.subarray(0, end));
    const torn = await open();
    expect(torn.state).toEqual(before);
    // And it goes on from there.
    const state = await torn.record(plan(0, 5));
    await torn.close();
    const again = await open();
    expect(again.state).toEqual(state);
    await again.close();
  }
});

test("a bit that flips in any line but the last is found, and the byte named", async () => {
  const ledger = await open();
  await ledger.record(begin);
  await ledger.record(plan(0, 10));
  await ledger.record({ kind: "loaded", stored: 9 });
  await ledger.close();
  const bytes = await readFile(path);
  const second = bytes.indexOf("\n") + 1;
  const third = bytes.indexOf("\n", second) + 1;
  for (let at = 0; at < third; at += 1) {
    // Without the newline between them the last two lines are one torn line: losing both is safe, if slower.
    if (at === third - 1) continue;
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await writeFile(path, damaged);
    await expect(open(), `byte ${at}`).rejects.toMatchObject({ code: "ledger_corrupt" });
  }
  const damaged = Buffer.from(bytes);
  damaged[second + 12] = (damaged[second + 12] ?? 0) ^ 1;
  await writeFile(path, damaged);
  await expect(open()).rejects.toThrow(`damaged at byte ${second}`);
});

test("a tail of zeros is passed over", async () => {
  const ledger = await open();
  const state = await ledger.record(begin);
  await ledger.close();
  await writeFile(path, Buffer.concat([await readFile(path), Buffer.alloc(4096)]));
  const again = await open();
  expect(again.state).toEqual(state);
  await again.close();
});

test("entries that can't follow one another are damage", async () => {
  const ledger = await open();
  await ledger.record(begin);
  await expect(ledger.record({ kind: "loaded", stored: 1 })).rejects.toThrow(RangeError);
  await ledger.record(plan(0, 1));
  await ledger.close();
  const lines = (await readFile(path, "utf8")).split("\n");
  await writeFile(path, `${lines[1]}\n${lines[0]}\n`);
  await expect(open()).rejects.toMatchObject({ code: "ledger_corrupt" });
});

test("the file stays small however long it is used", async () => {
  const ledger = await open();
  await ledger.record(begin);
  const wide = Array.from({ length: 2_000 }, (_, index) => ({ from: index * 2, to: index * 2 + 1 }));
  for (let round = 0; round < 60; round++) {
    await ledger.record({ kind: "plan", log: "l1", from: round, to: round + 1, duplicates: wide });
    await ledger.record({ kind: "loaded", stored: 1 });
    expect((await stat(path)).size).toBeLessThanOrEqual(LEDGER_BYTES_MAX);
  }
  expect(ledger.state?.inserts).toHaveLength(LEDGER_INSERTS_MAX);
  await ledger.close();
});

test("after a failed write nothing is built upon what it may have left", async () => {
  const real = ledgerFile(path);
  let fail = false;
  const failing: LedgerFile = {
    ...real,
    append: async (bytes) => {
      if (!fail) return real.append(bytes);
      await real.append(bytes.subarray(0, 5));
      throw new Error("ENOSPC: no space left on device");
    },
  };
  const ledger = await open(failing);
  await ledger.record(begin);
  await ledger.record(plan(0, 5));
  fail = true;
  await expect(ledger.record({ kind: "loaded", stored: 4 })).rejects.toMatchObject({ code: "ledger_failed" });
  expect(ledger.state?.plan?.to).toBe(5);
  fail = false;
  const state = await ledger.record({ kind: "loaded", stored: 4 });
  await ledger.record(plan(5, 6));
  const again = await open();
  expect(again.state).toEqual({
    ...state,
    plan: { log: "l1", from: 5, to: 6, duplicates: [{ from: 5, to: 6 }], refused: [] },
  });
  await Promise.all([again.close(), ledger.close()]);
});
