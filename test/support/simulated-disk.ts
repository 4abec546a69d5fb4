import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { File, FileSystem } from "../../src/file-system.ts";
import { seededRandom, type Random } from "./random.ts";

/** A call to the disk, for a fault to look at. */
export interface DiskCall {
  readonly name:
    "list" | "open" | "rename" | "remove" | "syncFolder" | "read" | "write" | "sync" | "truncate";
  readonly path: string;
  /** Bytes to write. */
  readonly bytes: number;
  /** How many calls came before this one. */
  readonly index: number;
}

/**
 * What to do to a call: an error code makes it fail; a number makes a write take only so many bytes; "power" turns the
 * power off before it takes effect.
 */
export type Fault = (call: DiskCall) => string | number | undefined;

/**
 * A disk in memory that promises no more than a real one: what was not synced may be lost, torn by sectors and
 * reordered when the power fails; a name is safe only after its folder was synced; after a failed sync the bytes look
 * written and are not, and the next sync succeeds without them.
 */
export class SimulatedDisk implements FileSystem {
  fault: Fault = () => undefined;
  calls = 0;
  /** How often what was written reaches the disk by itself, before any sync. */
  writeBack = 0.1;
  readonly #random: Random;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  /** Counts the times that the power failed: handles from before are dead. */
  #life = 0;
  #isOn = true;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** Turns the power off now: every call fails until `powerOn`. */
  powerOff(): void {
    this.#isOn = false;
  }

  /** What the disk holds after the power came back. */
  powerOn(): void {
    // A journal keeps the order of names, so that a number of the oldest changes survive.
    const survived = this.#random.below(this.#nameChanges.length + 1);
    for (const change of this.#nameChanges.slice(0, survived)) apply(this.#durableNames, change);
    for (const inode of new Set(this.#durableNames.values())) inode.loseSome(this.#random);
    this.#names = new Map(this.#durableNames);
    this.#nameChanges = [];
    this.restartProcess();
  }

  /** The process ended, not the machine: whatever was written is still there, and handles are dead. */
  restartProcess(): void {
    this.#life += 1;
    this.#isOn = true;
  }

  /** A file as a reader sees it, to look at or to damage: what is changed here is on the disk. */
  bytesOf(path: string): Buffer {
    return this.#find(path).bytes;
  }

  setBytes(path: string, bytes: Buffer): void {
    this.#find(path).replace(bytes);
  }

  makeFolder(): Promise<void> {
    return Promise.resolve();
  }

  async list(folder: string): Promise<string[]> {
    await this.#call("list", folder);
    return [...this.#names.keys()]
      .filter((path) => dirname(path) === folder)
      .map((path) => path.slice(folder.length + 1));
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    await this.#call("open", path);
    if (mode === "create") {
      const inode = this.#names.get(path) ?? new Inode();
      inode.truncate(0);
      if (!this.#names.has(path)) this.#change({ folder: dirname(path), set: [path, inode] });
    }
    return this.#handle(path, this.#find(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call("rename", to);
    this.#change({ folder: dirname(to), remove: from, set: [to, this.#find(from)] });
  }

  async remove(path: string): Promise<void> {
    await this.#call("remove", path);
    this.#change({ folder: dirname(path), remove: path });
  }

  async syncFolder(path: string): Promise<void> {
    await this.#call("syncFolder", path);
    for (const change of this.#nameChanges) if (change.folder === path) apply(this.#durableNames, change);
    this.#nameChanges = this.#nameChanges.filter((change) => change.folder !== path);
  }

  #handle(path: string, inode: Inode): File {
    const life = this.#life;
    const call = async (name: DiskCall["name"], bytes = 0): Promise<number | undefined> => {
      if (life !== this.#life) throw new DiskError("EBADF", path);
      return this.#call(name, path, bytes);
    };
    return {
      size: () => Promise.resolve(inode.bytes.length),
      read: async (into, at) => {
        await call("read");
        return inode.bytes.copy(into, 0, at);
      },
      write: async (buffers, at) => {
        const data = Buffer.concat(buffers);
        const taken = await call("write", data.length);
        const written = inode.write(data.subarray(0, taken), at);
        if (this.#random.chance(this.writeBack)) inode.sync();
        return written;
      },
      sync: async () => {
        try {
          await call("sync");
        } catch (error) {
          // Without power nothing happens to the bytes any more, and what they come to is for `powerOn` to say.
          if (this.#isOn) inode.forgetWrites();
          throw error;
        }
        inode.sync();
      },
      truncate: async (bytes) => {
        await call("truncate");
        inode.truncate(bytes);
      },
      close: () => Promise.resolve(),
    };
  }

  async #call(name: DiskCall["name"], path: string, bytes = 0): Promise<number | undefined> {
    await setImmediate();
    const fault = this.#isOn ? this.fault({ name, path, bytes, index: this.calls }) : "EIO";
    this.calls += 1;
    if (fault === "power") this.powerOff();
    if (typeof fault === "string") throw new DiskError(fault === "power" ? "EIO" : fault, path);
    return fault;
  }

  #change(change: NameChange): void {
    apply(this.#names, change);
    this.#nameChanges.push(change);
  }

  #find(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new DiskError("ENOENT", path);
    return inode;
  }
}

export class DiskError extends Error {
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

interface NameChange {
  readonly folder: string;
  readonly remove?: string;
  readonly set?: readonly [string, Inode];
}

function apply(names: Map<string, Inode>, change: NameChange): void {
  if (change.remove !== undefined) names.delete(change.remove);
  if (change.set !== undefined) names.set(...change.set);
}

/** A disk writes a sector whole or not at all. */
const SECTOR_BYTES = 512;

class Inode {
  /** What a reader sees. */
  bytes: Buffer = Buffer.alloc(0);
  /** What is on the disk for certain. */
  #durable: Buffer = Buffer.alloc(0);
  /** Byte ranges that were written since; a truncation is the range that it cut off. */
  #dirty: { from: number; to: number }[] = [];

  write(data: Buffer, at: number): number {
    if (at + data.length > this.bytes.length) {
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(at + data.length - this.bytes.length)]);
    } else {
      this.bytes = Buffer.from(this.bytes);
    }
    data.copy(this.bytes, at);
    this.#dirty.push({ from: at, to: at + data.length });
    return data.length;
  }

  truncate(bytes: number): void {
    this.#dirty.push({ from: bytes, to: this.bytes.length });
    this.bytes = Buffer.concat([
      this.bytes.subarray(0, bytes),
      Buffer.alloc(Math.max(0, bytes - this.bytes.length)),
    ]);
  }

  replace(bytes: Buffer): void {
    this.bytes = Buffer.from(bytes);
    this.#durable = this.bytes;
    this.#dirty = [];
  }

  /** Brings what is dirty to the disk: what was forgotten stays as it was there, or zero. */
  sync(): void {
    this.#durable = this.#merge(() => true);
    this.#dirty = [];
  }

  /** A sync failed: the pages look clean from now on. */
  forgetWrites(): void {
    this.#dirty = [];
  }

  /** The power fails: of what is dirty each sector is there or not, and the file may be as short as it was. */
  loseSome(random: Random): void {
    const isCutLost = this.bytes.length < this.#durable.length && random.chance(0.5);
    if (isCutLost) return this.replace(this.#durable);
    const kept = this.#merge(() => random.chance(0.5));
    const shortest = Math.min(this.#durable.length, this.bytes.length);
    const cut = random.chance(0.3) ? kept.length : shortest + random.below(kept.length - shortest + 1);
    this.replace(this.#dirty.length === 0 ? this.#durable : kept.subarray(0, cut));
  }

  #merge(isKept: () => boolean): Buffer {
    const length = this.#dirty.length === 0 ? this.#durable.length : this.bytes.length;
    const merged = Buffer.alloc(length);
    this.#durable.copy(merged);
    for (const { from, to } of this.#dirty) {
      for (let start = from; start < Math.min(to, length);) {
        const end = Math.min(to, length, (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES);
        if (isKept()) this.bytes.copy(merged, start, start, end);
        start = end;
      }
    }
    return merged;
  }
}
