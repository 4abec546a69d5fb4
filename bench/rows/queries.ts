import type { Running } from "../contender.ts";

const ENDPOINT = "/v1/endpoints/delays_by_origin";
const DAY = 86_400_000;
/** The days of the flights' first three months, so that each condition keeps some of them. */
const DAYS = Array.from({ length: 90 }, (_, day) =>
  new Date(Date.UTC(2001, 0, 1) + day * DAY).toISOString().slice(0, 10),
);

/** One call of the endpoint, and the SQL that it comes to. */
export interface Question {
  readonly path: string;
  readonly sql: string;
}

/** Questions about one airport each: the sort key leads to their rows. No two are the same, so none is in a cache. */
export async function airportQuestions(running: Running): Promise<readonly Question[]> {
  const origins = await originsOf(running);
  return DAYS.flatMap((from) => origins.map((origin) => question({ from, origin, limit: 50 })));
}

/** Questions about all airports, which read every row. No two are the same. */
export function wholeQuestions(): readonly Question[] {
  const limits = Array.from({ length: 100 }, (_, index) => 50 + index);
  return limits.flatMap((limit) => DAYS.map((from) => question({ from, limit })));
}

interface Asked {
  readonly from: string;
  readonly origin?: string;
  readonly limit: number;
}

/** The text of the endpoint's query with the values in it, in the project's words. */
function question({ from, origin, limit }: Asked): Question {
  const params = new URLSearchParams({
    from,
    ...(origin === undefined ? {} : { origin }),
    limit: String(limit),
  });
  const sql =
    "SELECT origin, count() AS flights, avg(delay) AS mean_delay FROM headrace.flights " +
    `WHERE 1 AND date >= '${from}' ${origin === undefined ? "" : `AND origin = '${origin}'`} ` +
    `GROUP BY origin ORDER BY flights DESC, origin LIMIT ${limit}`;
  return { path: `${ENDPOINT}?${params.toString()}`, sql };
}

/** The hundred airports with the most flights. */
async function originsOf(running: Running): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${running.port}${ENDPOINT}?limit=100`);
  if (!response.ok) throw new Error(`the endpoint answered ${response.status}: ${await response.text()}`);
  const { data } = (await response.json()) as { data: { origin: string }[] };
  return data.map(({ origin }) => origin);
}
