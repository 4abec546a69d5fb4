import { DuckDBInstance } from "@duckdb/node-api";

/** One row of the endpoint's answer, or of the same question asked of the file. */
export interface OriginFigures {
  readonly origin: string;
  readonly flights: number;
  readonly mean_delay: number;
}

/** Relative: sums of floats may differ in their last digits with the order of adding. */
const MEAN_TOLERANCE = 1e-9;

/** The endpoint's question, computed straight from the Parquet file by another engine. */
export async function figuresOfFile(path: string, rows: number): Promise<readonly OriginFigures[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    const answer = await connection.runAndReadAll(
      `SELECT origin, count(*)::DOUBLE AS flights, avg(delay)::DOUBLE AS mean_delay
       FROM read_parquet($path, file_row_number = true)
       WHERE file_row_number < $rows
       GROUP BY origin`,
      { path, rows },
    );
    return answer.getRowObjects().map((row) => ({
      origin: String(row["origin"]),
      flights: Number(row["flights"]),
      mean_delay: Number(row["mean_delay"]),
    }));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** One line for each airport whose figures differ; none when all are equal. */
export function differences(
  served: readonly OriginFigures[],
  expected: readonly OriginFigures[],
): readonly string[] {
  const servedByOrigin = new Map(served.map((row) => [row.origin, row]));
  const lines = expected.flatMap((want) => {
    const got = servedByOrigin.get(want.origin);
    servedByOrigin.delete(want.origin);
    if (got !== undefined && got.flights === want.flights && isClose(got.mean_delay, want.mean_delay))
      return [];
    return [`${want.origin}: the endpoint says ${figures(got)}, the file ${figures(want)}`];
  });
  const extra = [...servedByOrigin.values()].map(
    (got) => `${got.origin}: the endpoint says ${figures(got)}, the file has no such airport`,
  );
  return [...lines, ...extra];
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= MEAN_TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

function figures(row: OriginFigures | undefined): string {
  return row === undefined ? "nothing" : `${row.flights} flights with a mean delay of ${row.mean_delay}`;
}
