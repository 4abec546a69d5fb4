import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { addAbortSignal, type Readable } from "node:stream";
import { HeadraceError, messageOf } from "../../errors.ts";
import { MIB } from "../../units.ts";
import { jsonChunks, type EventChunk } from "./batches.ts";
import { withoutMark } from "./byte-order-mark.ts";
import { readCsv } from "./csv.ts";
import { readJson } from "./json.ts";
import { readNdjson } from "./ndjson.ts";
import { openParquet } from "./parquet.ts";

export const FORMATS = ["ndjson", "json", "csv", "parquet"] as const;
export type Format = (typeof FORMATS)[number];

/** The file name that means standard input. */
export const STDIN = "-";
const READ_SIZE = MIB;
const OPEN_BRACKET = 0x5b;

/** Events from files or standard input, in order. */
export interface Input {
  /** Begins to read; once only. The signal ends a wait for more. */
  read(signal: AbortSignal): AsyncIterable<EventChunk>;
  /** The share that has been read, 0 to 1, when the whole is known. */
  fraction(): number | undefined;
}

/**
 * Looks at every file, so that a missing one is found before anything is sent.
 * @throws HeadraceError `input_unreadable`
 */
export async function openInput(
  paths: readonly string[],
  format: Format | undefined,
  stdin: Readable,
): Promise<Input> {
  const files: SizedFile[] = [];
  for (const path of paths) {
    files.push(
      path === STDIN
        ? { path, format, size: undefined }
        : { path, format: format ?? formatOf(path), size: await sizeOf(path) },
    );
  }
  const total = files.reduce<number | undefined>(
    (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
  let done = 0;
  const onRead = (bytes: number): void => {
    done += bytes;
  };
  return {
    async *read(signal) {
      for (const file of files) yield* readFile(file, stdin, signal, onRead);
    },
    fraction: () => (total === undefined || total === 0 ? undefined : Math.min(1, done / total)),
  };
}

interface SizedFile {
  readonly path: string;
  /** Undefined for standard input whose format isn't said. */
  readonly format: Format | undefined;
  readonly size: number | undefined;
}

async function* readFile(
  file: SizedFile,
  stdin: Readable,
  signal: AbortSignal,
  onRead: (bytes: number) => void,
): AsyncGenerator<EventChunk> {
  if (file.format === "parquet") {
    yield* jsonChunks(readParquetFile(file, onRead));
    return;
  }
  const name = file.path === STDIN ? "standard input" : file.path;
  const stream = file.path === STDIN ? stdin : createReadStream(file.path, { highWaterMark: READ_SIZE });
  addAbortSignal(signal, stream);
  const bytes = withoutMark(readBytes(stream, name, onRead));
  if (file.format === "csv") {
    yield* readCsv(bytes, name);
    return;
  }
  if (file.format !== undefined) {
    yield* jsonChunks(file.format === "json" ? readJson(bytes, name) : readNdjson(bytes, name));
    return;
  }
  // NDJSON, unless it begins with an array: a line that is an array could never be an event.
  const first = await bytes.next();
  if (first.done === true) return;
  const isArray = firstVisibleByte(first.value) === OPEN_BRACKET;
  const all = prepend(first.value, bytes);
  yield* jsonChunks(isArray ? readJson(all, name) : readNdjson(all, name));
}

async function* readParquetFile(
  file: SizedFile,
  onRead: (bytes: number) => void,
): AsyncGenerator<readonly Buffer[]> {
  if (file.path === STDIN) {
    throw new HeadraceError(
      "usage",
      "Parquet has its table of contents at its end: give a file, not standard input",
    );
  }
  const parquet = await openParquet(file.path);
  const bytesPerRow = (file.size ?? 0) / Math.max(1, parquet.rows);
  for await (const events of parquet.chunks) {
    yield events;
    onRead(events.length * bytesPerRow);
  }
}

async function* readBytes(
  stream: Readable,
  name: string,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      onRead(bytes.length);
      yield bytes;
    }
  } catch (error) {
    throw new HeadraceError("input_unreadable", `${name}: ${messageOf(error)}`, { cause: error });
  }
}

async function* prepend(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

function firstVisibleByte(chunk: Buffer): number | undefined {
  return chunk.find((byte) => byte > 0x20);
}

function formatOf(path: string): Format {
  switch (extname(path).toLowerCase()) {
    case ".ndjson":
    case ".jsonl":
      return "ndjson";
    case ".json":
      return "json";
    case ".csv":
      return "csv";
    case ".parquet":
      return "parquet";
    default:
      throw new HeadraceError(
        "usage",
        `${path}: its name doesn't say its format; give --format ${FORMATS.join("|")}`,
      );
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    const entry = await stat(path);
    if (entry.isDirectory()) throw new HeadraceError("input_unreadable", `${path} is a folder`);
    return entry.size;
  } catch (error) {
    if (error instanceof HeadraceError) throw error;
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    const problem = isMissing ? `${path}: no such file` : messageOf(error);
    throw new HeadraceError("input_unreadable", problem, { cause: error });
  }
}
