import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDataFolder } from "../src/data-folder.ts";

const HOLDER = join(import.meta.dirname, "support", "lock-holder.ts");

interface Holder {
  readonly child: ChildProcess;
  readonly said: { locked: boolean; code?: string; details?: { pid?: number } };
  readonly errors: () => string;
}

describe("lockDataFolder", () => {
  let root: string;
  let folder: string;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "headrace-lock-"));
    folder = join(root, "deep", "data");
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child);
    await rm(root, { recursive: true });
  });

  const start = async (): Promise<Holder> => {
    const child = spawn(process.execPath, [HOLDER, folder], { stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    let errors = "";
    child.stderr?.on("data", (chunk) => (errors += String(chunk)));
    for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
      return { child, said: JSON.parse(line) as Holder["said"], errors: () => errors };
    }
    throw new Error(`the process said nothing: ${errors}`);
  };

  it("makes the folder, for its owner only", async () => {
    const data = await lockDataFolder(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(data.path).toBe(folder);
    await data.release();
  });

  it("refuses a second lock within a process, also through a link, and gives it after the release", async () => {
    const first = await lockDataFolder(folder);
    await symlink(folder, join(root, "link"));
    for (const path of [folder, join(root, "link")]) {
      await expect(lockDataFolder(path)).rejects.toMatchObject({
        code: "data_folder_locked",
        message: `${folder} is in use by the process ${process.pid} for less than a second`,
        details: { pid: process.pid },
      });
    }
    await first.release();
    await first.release();
    const second = await lockDataFolder(join(root, "link"));
    expect(second.path).toBe(folder);
    await second.release();
  });

  it("names the process that holds it, and touches nothing", async () => {
    const holder = await start();
    expect(holder.said).toEqual({ locked: true });
    const before = await readdir(folder);
    await expect(lockDataFolder(folder)).rejects.toMatchObject({
      code: "data_folder_locked",
      details: { pid: holder.child.pid },
    });
    expect(await readdir(folder)).toEqual(before);
    expect(holder.errors()).toBe("");
  });

  it("says how long it has been held, and does without when nobody says who holds it", async () => {
    const holder = await start();
    const file = join(folder, "lock.json");
    for (const [milliseconds, age] of [
      [3 * 86_400_000, "3 days"],
      [3_700_000, "1 hour"],
      [5_000, "5 seconds"],
    ] as const) {
      const since = new Date(Date.now() - milliseconds - 100).toISOString();
      await writeFile(file, JSON.stringify({ pid: holder.child.pid, since }));
      await expect(lockDataFolder(folder)).rejects.toThrow(
        `${folder} is in use by the process ${holder.child.pid} for ${age}`,
      );
    }
    // Of nobody, of one that is gone, and nothing that can be read.
    for (const text of ['{"pid":"x"}', '{"pid":1073741824,"since":"2026-01-01T00:00:00Z"}', "{", "7"]) {
      await writeFile(file, text);
      await expect(lockDataFolder(folder)).rejects.toThrow(`${folder} is in use by another process`);
    }
  });

  it("can't be had when nothing can be written to it", async () => {
    await mkdir(join(folder, "lock.json"), { recursive: true });
    await expect(lockDataFolder(folder)).rejects.toMatchObject({ code: "data_folder_unusable" });
    await rm(join(folder, "lock.json"), { recursive: true });
    const data = await lockDataFolder(folder);
    expect(data.path).toBe(folder);
    await data.release();
  });

  it("is free at once when its holder is killed", async () => {
    const holder = await start();
    await expect(lockDataFolder(folder)).rejects.toMatchObject({ code: "data_folder_locked" });
    await kill(holder.child);
    const data = await lockDataFolder(folder);
    expect(data.path).toBe(folder);
    await data.release();
  });

  it("is still held by a process that is frozen", async () => {
    const holder = await start();
    holder.child.kill("SIGSTOP");
    await expect(lockDataFolder(folder)).rejects.toMatchObject({ code: "data_folder_locked" });
  });

  it("goes to exactly one of several that start at once", async () => {
    for (let round = 0; round < 3; round += 1) {
      const holders = await Promise.all(Array.from({ length: 4 }, start));
      const winners = holders.filter(({ said }) => said.locked);
      expect(winners).toHaveLength(1);
      for (const { said } of holders.filter(({ said: { locked } }) => !locked)) {
        expect(said).toMatchObject({ code: "data_folder_locked", details: { pid: winners[0]?.child.pid } });
      }
      // The next round finds what a killed holder leaves behind.
      for (const { child } of winners) await kill(child);
    }
  });

  it("says what is wrong with a path that can't be a folder", async () => {
    await writeFile(join(root, "file"), "");
    for (const path of [join(root, "file"), join(root, "file", "data")]) {
      await expect(lockDataFolder(path)).rejects.toMatchObject({ code: "data_folder_unusable" });
    }
  });

  it("says that a read-only folder can't be used", async () => {
    await mkdir(folder, { recursive: true });
    await chmod(root, 0o755);
    await chmod(folder, 0o555);
    await asOrdinaryUser(async () => {
      await expect(lockDataFolder(folder)).rejects.toMatchObject({
        code: "data_folder_unusable",
        message: expect.stringContaining(folder),
      });
      await expect(lockDataFolder(join(folder, "below"))).rejects.toMatchObject({
        code: "data_folder_unusable",
      });
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it("says that a lock file which isn't one can't be used", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(folder, "lock.db"),
      "not a database, and long enough to be looked at as one".repeat(50),
    );
    await expect(lockDataFolder(folder)).rejects.toMatchObject({ code: "data_folder_unusable" });
  });
});

/** Permissions don't hold root back: the work is done as nobody then. */
async function asOrdinaryUser(work: () => Promise<void>): Promise<void> {
  const nobody = 65_534;
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(nobody);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
