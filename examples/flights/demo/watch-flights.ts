import type { Client } from "../../../src/cli/client.ts";
import { readAnswer } from "../../../src/cli/endpoint-answer.ts";
import { membersOf, textOf } from "../../../src/cli/json-value.ts";
import type { OriginFigures } from "./compare.ts";

/** More than there are airports. */
const AIRPORTS_MAX = 1_000;

/** What the server says while the flights load. */
export interface Flights {
  /** Flights that queries see. */
  readonly stored: number;
  readonly freshness: { readonly p50: number; readonly p99: number } | undefined;
  /** The endpoint's answer, the busiest airport first. */
  readonly origins: readonly OriginFigures[];
}

export async function askFlights(client: Client): Promise<Flights> {
  const [stream, answer] = await Promise.all([
    client.json({ path: "/v1/streams/flights" }),
    client.json({ path: `/v1/endpoints/delays_by_origin?limit=${AIRPORTS_MAX}` }),
  ]);
  const origins = rowsOf(answer);
  return {
    stored: origins.reduce((sum, { flights }) => sum + flights, 0),
    freshness: freshnessOf(stream),
    origins,
  };
}

function rowsOf(answer: unknown): readonly OriginFigures[] {
  return readAnswer(answer).data.map(({ origin, flights, mean_delay }) => ({
    origin: textOf(origin),
    flights: Number(flights),
    mean_delay: Number(mean_delay),
  }));
}

/** Seconds, as the server has measured them since its start. */
function freshnessOf(stream: unknown): Flights["freshness"] {
  const { p50_ms, p99_ms } = membersOf(membersOf(membersOf(stream)["freshness"])["measured"]);
  return typeof p50_ms === "number" && typeof p99_ms === "number"
    ? { p50: p50_ms / 1_000, p99: p99_ms / 1_000 }
    : undefined;
}
