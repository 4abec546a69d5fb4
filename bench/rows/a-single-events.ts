import { alternate } from "../bench.ts";
import { HEADRACE } from "../contender.ts";
import { ratioGoal } from "../goals.ts";
import { bareHttp, fastifyDuckdb, fastifyPostgres, natsServer } from "../peers/contenders.ts";
import { headrace } from "../peers/headrace.ts";
import type { Table } from "../result.ts";
import { groupSync } from "./group-sync.ts";
import { posting, publishing, type Posting } from "./posting.ts";
import type { Row } from "./row.ts";

const CONNECTIONS = 64;
/** Bytes: a flight as JSON. */
const FLIGHT_BYTES = 134;

export const singleEvents: Row = {
  letter: "A",
  work: "POST of one event, 64 connections, fsynced before the answer",
  async measure(bench) {
    const { workshop } = bench;
    const work: Posting = {
      path: "/v1/streams/flights/events",
      lines: await bench.flights(),
      eventsPerRequest: 1,
      contentType: "application/json",
      connections: CONNECTIONS,
    };
    const server = headrace(workshop);
    const [postgres, bare] = [fastifyPostgres(workshop), bareHttp(workshop)];
    const table: Table = {
      title: "Flights of about 134 bytes, one in each request",
      unit: "events/s",
      better: "more",
      entries: await alternate(bench, [
        posting(bench, server, work),
        posting(bench, { ...server, name: `${HEADRACE}, without Idempotency-Key` }, { ...work, keys: false }),
        posting(bench, postgres, work),
        posting(bench, fastifyDuckdb(workshop), work),
        posting(bench, bare, work),
        publishing(bench, natsServer(workshop), work),
        groupSync(bench, { bytes: FLIGHT_BYTES, events: 1, atOnce: CONNECTIONS }),
      ]),
    };
    return {
      tables: [table],
      goals: [
        ratioGoal("must reach", "3× the TypeScript stack", table, postgres.name, 3),
        ratioGoal("must reach", "≥ 60 % of bare node:http", table, bare.name, 0.6),
        ratioGoal("beyond", "90 % of bare node:http", table, bare.name, 0.9),
      ],
      remarks: [
        "Each request has an Idempotency-Key of its own, and the stream has an `id`. Without the key a repeat still counts once, by that `id`.",
      ],
    };
  },
};
