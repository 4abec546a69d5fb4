import { execFile } from "node:child_process";
import { constants, openSync, readSync } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { Socket } from "node:net";
import { promisify } from "node:util";
import { HeadraceError, messageOf } from "../../../errors.ts";
import { KIB, MIB } from "../../../units.ts";

/** Bytes that wait for a slow consumer before the engine has to wait too. */
const WAITING_MAX = MIB;
const READ_SIZE = 64 * KIB;

/** Makes a named pipe that only this user can open. */
async function makePipe(path: string): Promise<void> {
  try {
    await promisify(execFile)("mkfifo", ["-m", "600", path]);
  } catch (error) {
    throw new HeadraceError(
      "store_failed",
      `The embedded store needs named pipes, and the program mkfifo (coreutils) to make them: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * A named pipe through which the engine sends one answer after the other. The engine's own streaming call analyses a
 * query on the event loop, where a scalar subquery runs to its end; a plain asynchronous call with INTO OUTFILE never
 * blocks it, takes two thirds of the time, and gives one document whatever the format.
 *
 * It is kept open for reading and writing, so that neither side ever waits for the other to open it; an answer ends
 * when the engine's call has ended.
 */
export class ResultPipe {
  readonly path: string;
  readonly #fd: number;
  readonly #socket: Socket;
  #current: PipeReading | undefined;

  private constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const onread = {
      buffer: Buffer.allocUnsafe(READ_SIZE),
      callback: (size: number, buffer: Uint8Array) => this.#arrived(buffer.subarray(0, size)),
    };
    this.#socket = new Socket({ fd: this.#fd, readable: true, writable: false, onread });
    // The engine's call keeps the process alive while there is something to wait for.
    this.#socket.unref();
    this.#socket.on("error", (error) => this.#current?.fail(error));
    this.#socket.resume();
  }

  /** Makes the pipe, which is removed when it is closed. */
  static async create(path: string): Promise<ResultPipe> {
    await makePipe(path);
    return new ResultPipe(path);
  }

  /** Begins an answer, which ends when `ended` settles. The one before must have ended. */
  begin(ended: Promise<unknown>): PipeReading {
    const reading = new PipeReading(() => this.#socket.resume());
    this.#current = reading;
    const end = (): void => {
      this.#takeRest();
      this.#current = undefined;
      reading.end();
      this.#socket.resume();
    };
    ended.then(end, end);
    return reading;
  }

  /** Whether its name still leads to it, or to any pipe at all. */
  async isThere(): Promise<boolean> {
    try {
      return (await lstat(this.path)).isFIFO();
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await rm(this.path, { force: true });
  }

  /** False makes the socket stop reading, and so the engine stop writing when the pipe is full. */
  #arrived(bytes: Uint8Array): boolean {
    return this.#current?.push(Buffer.from(bytes)) ?? true;
  }

  /** What the engine has written is in the pipe when its call has ended: at most the pipe's size. */
  #takeRest(): void {
    const buffer = Buffer.allocUnsafe(READ_SIZE);
    for (let size = readSome(this.#fd, buffer); size > 0; size = readSome(this.#fd, buffer)) {
      this.#arrived(buffer.subarray(0, size));
    }
  }
}

/** One answer's bytes. */
export class PipeReading {
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #over = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  readonly #resume: () => void;

  constructor(resume: () => void) {
    this.#resume = resume;
  }

  /** The next bytes; undefined when the answer has ended or was cancelled. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.length;
        if (this.#waitingBytes < WAITING_MAX) this.#resume();
        return chunk;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Throws away what is here and what still comes, so that the engine never waits for a consumer that has gone. */
  cancel(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.end();
    this.#resume();
  }

  push(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#wakeUp();
    return this.#waitingBytes < WAITING_MAX;
  }

  end(): void {
    this.#over = true;
    this.#wakeUp();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** Bytes that are there at once; 0 when there are none. */
function readSome(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return 0;
    throw error;
  }
}
