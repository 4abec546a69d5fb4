import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { openEmbeddedLog } from "../../../src/log/embedded/embedded-log.ts";
import type { Log, LogObserver, NewBatch } from "../../../src/log/log.ts";
import { KIB, MIB } from "../../../src/units.ts";
import { SimulatedDisk, type DiskCall, type Fault } from "../../support/simulated-disk.ts";
import { until } from "../../support/until.ts";
import { batchOf, readAll, SCHEMA } from "../contract.ts";
import { LogFolder, NOW, tagsOf } from "./folder.ts";

describe("the embedded log on a disk with faults", () => {
  let disk: SimulatedDisk;
  beforeEach(() => {
    disk = new SimulatedDisk(1);
  });
  const open = (more: { queueBytes?: number; observer?: LogObserver } = {}): Promise<Log> =>
    openEmbeddedLog({
      folder: "/log",
      streams: [{ name: "s", schema: SCHEMA }],
      segmentBytes: 4 * KIB,
      clock: () => NOW,
      fileSystem: disk,
      ...more,
    });
  it("takes up a short write where it stopped", async () => {
    const log = await open();
    disk.fault = ({ name, bytes }) => (name === "write" && bytes > 1 ? Math.ceil(bytes / 2) : undefined);
    await log.append("s", batch("a", "k"));
    await Promise.all([log.append("s", batch("b")), log.append("s", batch("c"))]);
    await log.close();
    disk.fault = () => undefined;
    const again = await open();
    expect(tagsOf(await readAll(again, "s"))).toEqual(["a", "b", "c"]);
    expect(again.status("s", 0).end.offset).toBe(3);
    await again.close();
  });

  it("answers log_full while the disk is full, keeps nothing of it, and goes on when there is space", async () => {
    const log = await open();
    await log.append("s", batch("before"));
    let count = 0;
    // A full disk takes a part of the write first.
    disk.fault = ({ name, bytes }) => {
      if (name !== "write") return undefined;
      count += 1;
      return count % 2 === 1 ? Math.floor(bytes / 3) : "ENOSPC";
    };
    for (let n = 0; n < 3; n += 1) {
      await expect(log.append("s", batch("refused", "k"))).rejects.toMatchObject({ code: "log_full" });
    }
    expect(log.status("s", 0)).toMatchObject({
      writable: false,
      reason: expect.stringMatching(/^the disk is full: ENOSPC/),
    });
    expect(await log.recall("s", "k")).toBeUndefined();
    disk.fault = () => undefined;
    await log.append("s", batch("after", "k"));
    expect(log.status("s", 0)).toMatchObject({ writable: true });
    const { end } = log.status("s", 0);
    await log.close();
    disk.powerOff();
    disk.powerOn();
    const again = await open();
    expect(tagsOf(await readAll(again, "s"))).toEqual(["before", "after"]);
    expect(again.status("s", 0).end).toEqual(end);
    await again.close();
  });

  it("finds out by itself that there is space again, without an append, and leaves nothing behind", async () => {
    const log = await open();
    disk.fault = ({ name }) => (name === "write" ? "ENOSPC" : undefined);
    await expect(log.append("s", batch("refused"))).rejects.toMatchObject({ code: "log_full" });
    let tries = 0;
    disk.fault = ({ name, path }) => {
      if (name !== "write" || !path.endsWith("probe.tmp")) return undefined;
      tries += 1;
      return tries === 1 ? "ENOSPC" : undefined;
    };
    await until(() => tries === 1);
    expect(log.status("s", 0).writable).toBe(false);
    await until(() => log.status("s", 0).writable);
    await until(async () => !(await disk.list("/log/s")).includes("probe.tmp"));
    await log.close();
  });

  it("answers log_full when there is no space for a new segment, and makes it later", async () => {
    const log = await open();
    const sent: string[] = [];
    for (let n = 0; n < 6; n += 1) sent.push(`${n}`);
    for (const tag of sent) await log.append("s", batch(tag));
    disk.fault = ({ name, path }) => (name === "open" && path.endsWith(".log.tmp") ? "ENOSPC" : undefined);
    let refused = 0;
    for (let n = 0; n < 10; n += 1) {
      await log.append("s", batch(`more ${n}`)).then(
        () => sent.push(`more ${n}`),
        (error: unknown) => {
          expect(error).toMatchObject({ code: "log_full" });
          refused += 1;
        },
      );
    }
    expect(refused).toBeGreaterThan(0);
    disk.fault = () => undefined;
    await log.append("s", batch("last"));
    await log.close();
    const again = await open();
    expect(tagsOf(await readAll(again, "s"))).toEqual([...sent, "last"]);
    await again.close();
  });

  it("adds nothing to a segment after the next one may be in place", async () => {
    const log = await open();
    await log.append("s", batch("a"));
    disk.fault = failing("syncFolder", "ENOSPC", 1);
    const large = batchOf("too large for the segment", { acceptedAt: NOW, pad: 2_000 });
    await expect(log.append("s", large)).rejects.toMatchObject({ code: "log_full" });
    disk.fault = () => undefined;
    await log.append("s", batch("small enough for it"));
    await log.close();
    const again = await open();
    expect(tagsOf(await readAll(again, "s"))).toEqual(["a", "small enough for it"]);
    await again.close();
  });

  it("never brings back what it refused on a full disk, even when the power fails next", async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      disk = new SimulatedDisk(seed);
      disk.writeBack = 1;
      const log = await open();
      await log.append("s", batch("before"));
      let writes = 0;
      // Of two batches in one write the first is taken whole.
      disk.fault = ({ name, bytes }) => {
        if (name !== "write") return undefined;
        writes += 1;
        return writes === 1 ? bytes - 10 : "ENOSPC";
      };
      const refused = await Promise.allSettled(["x", "y"].map((tag) => log.append("s", batch(tag))));
      expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
      disk.powerOff();
      await log.close();
      disk.powerOn();
      disk.fault = () => undefined;
      const again = await open();
      expect(tagsOf(await readAll(again, "s"))).toEqual(["before"]);
      await again.close();
    }
  });

  it("recovers from a crash at every step of a recovery", async () => {
    const steps: string[] = [];
    for (let step = 0; ; step += 1) {
      disk = new SimulatedDisk(step);
      const log = await open();
      for (const tag of ["a", "b"]) await log.append("s", batch(tag, tag));
      const { end } = log.status("s", 0);
      await log.commit("s", 0, "loader", { log: end.log, offset: 1 });
      await log.close();
      const [name = ""] = await disk
        .list("/log/s")
        .then((names) => names.filter((one) => one.endsWith(".log")));
      const torn = Buffer.concat([disk.bytesOf(`/log/s/${name}`), Buffer.from("torn")]);
      disk.setBytes(`/log/s/${name}`, torn);
      const began = disk.calls;
      disk.fault = (call) => {
        if (call.index < began + step) return undefined;
        steps.push(call.name);
        return "power";
      };
      const interrupted = await open().then(
        (opened) => opened.close().then(() => false),
        () => true,
      );
      if (!interrupted) break;
      disk.fault = () => undefined;
      if (step % 2 === 0) disk.restartProcess();
      else disk.powerOn();
      for (let start = 0; start < 2; start += 1) {
        const again = await open();
        expect(tagsOf(await readAll(again, "s"))).toEqual(["a", "b"]);
        expect(again.status("s", 0).end.offset).toBe(2);
        expect(again.status("s", 0).end.log, `a crash at step ${step}`).not.toBe(end.log);
        expect(await again.cursor("s", 0, "loader")).toEqual({ log: end.log, offset: 1 });
        expect(await again.recall("s", "b")).toBeDefined();
        await again.close();
      }
    }
    expect(steps).toEqual(expect.arrayContaining(["rename", "truncate", "syncFolder", "sync", "write"]));
  });

  it("fails for good when what a full disk took can't be taken back", async () => {
    const log = await open();
    disk.fault = ({ name }) => (name === "write" ? "ENOSPC" : name === "truncate" ? "EIO" : undefined);
    await expect(log.append("s", batch("a"))).rejects.toMatchObject({ code: "log_failed" });
    expect(log.status("s", 0)).toMatchObject({ writable: false });
    await log.close();
  });

  for (const [what, fault] of [
    ["a write fails", failing("write", "EIO", 1)],
    ["a sync fails, although the next one would succeed", failing("sync", "EIO", 1)],
  ] as const) {
    it(`takes nothing more after ${what}, until a restart`, async () => {
      const failures: string[] = [];
      const log = await open({
        observer: { failed: (stream, reason) => failures.push(`${stream}: ${reason}`) },
      });
      await log.append("s", batch("before"));
      disk.fault = fault;
      const lost = await Promise.allSettled([log.append("s", batch("x", "k")), log.append("s", batch("y"))]);
      for (const one of lost)
        expect(one).toMatchObject({ status: "rejected", reason: { code: "log_failed" } });
      await expect(log.append("s", batch("later"))).rejects.toMatchObject({ code: "log_failed" });
      expect(log.status("s", 0)).toMatchObject({ writable: false, reason: expect.stringContaining("EIO") });
      expect(failures).toHaveLength(1);
      // What is there can still be read.
      expect(tagsOf(await readAll(log, "s"))).toEqual(["before"]);
      await log.close();
      const again = await open();
      expect(tagsOf(await readAll(again, "s"))).toEqual(["before"]);
      expect(await again.append("s", batch("x", "k"))).toMatchObject({ kind: "appended" });
      await again.close();
    });
  }

  it("brings to the disk at the start what a killed process may only have had in memory", async () => {
    const log = await open();
    await log.append("s", batch("before"));
    // The sync fails and takes nothing to the disk, and the process is killed before it can cut the group off again.
    disk.fault = ({ name }) => (name === "sync" || name === "truncate" ? "EIO" : undefined);
    await expect(log.append("s", batch("in memory"))).rejects.toMatchObject({ code: "log_failed" });
    disk.fault = () => undefined;
    disk.restartProcess();
    const again = await open();
    const seen = tagsOf(await readAll(again, "s"));
    await again.close();
    disk.powerOff();
    disk.powerOn();
    const afterPowerLoss = await open();
    expect(tagsOf(await readAll(afterPowerLoss, "s"))).toEqual(seen);
    await afterPowerLoss.close();
  });

  it("tries the second of two appends with a key when the first fails", async () => {
    const log = await open();
    disk.fault = failing("write", "ENOSPC", 1);
    const [first, second, third] = await Promise.allSettled(
      ["first", "second", "third"].map((tag) => log.append("s", batch(tag, "k"))),
    );
    expect(first).toMatchObject({ status: "rejected", reason: { code: "log_full" } });
    expect(second).toMatchObject({ value: { kind: "appended" } });
    expect(third).toMatchObject({ value: { kind: "duplicate", first: { bodyHash: "hash of second" } } });
    await log.close();
  });

  it("refuses more than may wait, and takes it again when the queue is short", async () => {
    const log = await open({ queueBytes: 3 * KIB });
    const sent = Array.from({ length: 20 }, (_, n) => log.append("s", batch(`${n}`)));
    const outcomes = await Promise.allSettled(sent);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused.length).toBeGreaterThan(5);
    for (const { reason } of refused)
      expect(reason).toMatchObject({ code: "overloaded", retryAfterSeconds: 1 });
    await log.append("s", batchOf("larger than the queue", { acceptedAt: NOW, pad: 4_000 }));
    expect(await readAll(log, "s")).toHaveLength(20 - refused.length + 1);
    await log.close();
  });

  it("refuses a cursor that can't be kept, and keeps it when it is tried again", async () => {
    const log = await open();
    await log.append("s", batch("a"));
    const { end } = log.status("s", 0);
    for (const [fault, code] of [
      [failing("sync", "EIO"), "log_failed"],
      [failing("write", "ENOSPC"), "log_full"],
    ] as const) {
      disk.fault = fault;
      await expect(log.commit("s", 0, "loader", end)).rejects.toMatchObject({ code });
      expect((await log.cursor("s", 0, "loader")).offset).toBe(0);
    }
    disk.fault = () => undefined;
    await log.commit("s", 0, "loader", end);
    await log.close();
    disk.powerOff();
    disk.powerOn();
    const again = await open();
    expect(await again.cursor("s", 0, "loader")).toEqual(end);
    await again.close();
  });

  it("tells when a closed segment can't be sealed, and seals it at the next chance", async () => {
    const failures: string[] = [];
    const log = await open({ observer: { upkeepFailed: (_stream, reason) => failures.push(reason) } });
    disk.fault = ({ name, path }) => (name === "open" && path.endsWith(".side.tmp") ? "ENOSPC" : undefined);
    for (let n = 0; n < 20; n += 1) await log.append("s", batch(`${n}`, `key ${n}`));
    await until(() => failures.length > 0);
    disk.fault = () => undefined;
    await log.commit("s", 0, "loader", log.status("s", 0).end);
    await until(async () => (await disk.list("/log/s")).filter((name) => name.endsWith(".side")).length > 1);
    for (let n = 0; n < 20; n += 1) expect(await log.recall("s", `key ${n}`)).toBeDefined();
    await log.close();
  });

  it("refuses batches that aren't well-formed, and keys that are too long or empty", async () => {
    const log = await open();
    const lines = { count: 1, bytes: [Buffer.from("{}\n")] };
    const none = { count: 0, bytes: [] };
    for (const bad of [
      { acceptedAt: -1, events: lines, rejected: none },
      { acceptedAt: NOW, events: { count: 5, bytes: lines.bytes }, rejected: none },
      { acceptedAt: NOW, events: lines, rejected: { count: 0, bytes: lines.bytes } },
    ]) {
      await expect(log.append("s", bad)).rejects.toMatchObject({ code: "internal_error" });
    }
    for (const key of ["", "k".repeat(1025)]) {
      await expect(log.append("s", batch("a", key))).rejects.toMatchObject({ code: "bad_request" });
      expect(await log.recall("s", key)).toBeUndefined();
    }
    for (const subscription of ["", "s".repeat(257)]) {
      const position = log.status("s", 0).end;
      await expect(log.commit("s", 0, subscription, position)).rejects.toMatchObject({ code: "bad_request" });
    }
    await expect(log.read("s", 1, { log: "", offset: 0 }, { bytes: 1, events: 1 })).rejects.toMatchObject({
      code: "internal_error",
    });
    await log.close();
  });
});

function batch(tag: string, key?: string): NewBatch {
  return batchOf(tag, { acceptedAt: NOW, pad: 200, ...(key === undefined ? {} : { key }) });
}

/** Makes calls of a kind fail: the nth from now on, or all of them. */
function failing(name: DiskCall["name"], code: string, which?: number): Fault {
  let count = 0;
  return (call) => {
    if (call.name !== name) return undefined;
    count += 1;
    return which === undefined || count === which ? code : undefined;
  };
}

const run = promisify(execFile);

/** Whether this is root on Linux, who can mount a small disk in memory. */
const canMount = process.platform === "linux" && process.geteuid?.() === 0;

describe.skipIf(!canMount && process.env["CI"] !== "true")(
  "the embedded log on a real disk that is full",
  () => {
    it(
      "answers log_full, loses nothing, and resumes by itself when there is space",
      { timeout: 60_000 },
      async () => {
        const mount = await mkdtemp(join(tmpdir(), "headrace-full-"));
        await run("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", mount]);
        try {
          const folder = await LogFolder.create(mount);
          const options = { segmentBytes: 256 * KIB };
          const ballast = join(mount, "ballast");
          await writeFile(ballast, Buffer.alloc(MIB));
          const sent: string[] = [];
          await folder.with(async (log) => {
            const refused: string[] = [];
            for (let n = 0; refused.length < 20; n += 1) {
              const size = n % 3 === 0 ? 8_000 : 100;
              await log.append("s", batchOf(`${n}`, { acceptedAt: NOW, pad: size, key: `${n}` })).then(
                () => sent.push(`${n}`),
                (error: unknown) => {
                  expect(error).toMatchObject({ code: "log_full" });
                  refused.push(`${n}`);
                },
              );
            }
            expect(sent.length).toBeGreaterThan(30);
            expect(tagsOf(await readAll(log, "s"))).toEqual(sent);
            await rm(ballast);
            for (let n = 0; n < 20; n += 1) {
              await log.append("s", batchOf(`later ${n}`, { acceptedAt: NOW }));
              sent.push(`later ${n}`);
            }
          }, options);
          await folder.with(async (log) => expect(tagsOf(await readAll(log, "s"))).toEqual(sent), options);
        } finally {
          await run("umount", [mount]);
          await rm(mount, { recursive: true });
        }
      },
    );
  },
);
