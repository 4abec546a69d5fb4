import { stat } from "node:fs/promises";
import { HeadraceError, messageOf } from "../../errors.ts";

/** Rows that are turned into events at a time: the event loop gets its turn in between. */
const ROWS_PER_CHUNK = 2_000;

export interface ParquetOptions {
  /** Read only so many rows from the start. Default: all. */
  readonly limit?: number;
  /** More members for the event of a row (counted from 0), as JSON text that ends in a comma: `"flight_id":"7",`. */
  readonly extraMembers?: (row: number) => string;
}

export interface ParquetFile {
  /** Rows that will be read. */
  readonly rows: number;
  /** Events, one JSON object each. One row group is in memory at a time. */
  readonly chunks: AsyncIterable<readonly Buffer[]>;
}

/**
 * Opens a Parquet file. Timestamps without a zone are taken as UTC, 64-bit integers and decimals are written with all
 * their digits, and nulls are left out.
 * @throws HeadraceError `input_unreadable` for a file that can't be read, here or while reading its chunks.
 */
export async function openParquet(path: string, options: ParquetOptions = {}): Promise<ParquetFile> {
  // Loaded here, so that no other command pays for it.
  const { asyncBufferFromFile, parquetMetadataAsync, parquetScan, parquetSchema } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  const { columnEncoder, PARQUET_PARSERS, rawDecimals } = await import("./parquet-values.ts");

  return unreadableAs(path, async () => {
    await stat(path);
    const file = await asyncBufferFromFile(path);
    const { raw: metadata, scales } = rawDecimals(await parquetMetadataAsync(file, { geoparquet: false }));
    const columns = parquetSchema(metadata).children.map((child) => ({
      name: child.element.name,
      encode: columnEncoder(child.element.name, scales.get(child.element.name)),
    }));
    const rows = Math.min(Number(metadata.num_rows), options.limit ?? Number.POSITIVE_INFINITY);
    const scan = await parquetScan({
      file,
      metadata,
      compressors,
      parsers: PARQUET_PARSERS,
      utf8: false,
      geoparquet: false,
      rowEnd: rows,
    });
    return { rows, chunks: readChunks(path, scan, columns, options.extraMembers ?? (() => "")) };
  });
}

interface ParquetColumn {
  readonly name: string;
  readonly encode: (value: unknown) => string;
}

/** The part of hyparquet's scan that is used. */
interface Scan {
  readonly ranges: readonly { readonly rowStart: number; readonly rowEnd: number }[];
  readColumn(range: {
    readonly column: string;
    readonly rowStart: number;
    readonly rowEnd: number;
  }): Promise<ArrayLike<unknown>>;
}

async function* readChunks(
  path: string,
  scan: Scan,
  columns: readonly ParquetColumn[],
  extraMembers: (row: number) => string,
): AsyncGenerator<readonly Buffer[]> {
  for (const range of scan.ranges) {
    const values = await unreadableAs(path, () =>
      Promise.all(columns.map((column) => scan.readColumn({ column: column.name, ...range }))),
    );
    const members = columns.map((column, index) => ({
      label: `${JSON.stringify(column.name)}:`,
      encode: column.encode,
      values: values[index] ?? [],
    }));
    for (let from = range.rowStart; from < range.rowEnd; from += ROWS_PER_CHUNK) {
      const to = Math.min(from + ROWS_PER_CHUNK, range.rowEnd);
      const events: Buffer[] = [];
      await unreadableAs(path, () => {
        for (let row = from; row < to; row++) {
          let text = extraMembers(row);
          for (const member of members) {
            const value = member.values[row - range.rowStart];
            if (value === null || value === undefined) continue;
            text += `${member.label}${member.encode(value)},`;
          }
          events.push(Buffer.from(`{${text.slice(0, -1)}}`));
        }
      });
      yield events;
    }
  }
}

async function unreadableAs<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof HeadraceError && error.code === "input_unreadable") {
      throw new HeadraceError("input_unreadable", `${path}: ${error.message}`, { cause: error });
    }
    throw new HeadraceError("input_unreadable", `${path} can't be read as Parquet: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
