import type { Sent } from "./answer.ts";

const JSON_TYPE = { "content-type": "application/json" };
const STREAM = "/v1/streams/readings";

export const EVENT = `{"sensor":"s1","value":5}`;

export function json(method: string, path: string, body: unknown): Sent {
  return {
    method,
    path,
    headers: JSON_TYPE,
    body: typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  };
}

const get = (path: string, headers: Readonly<Record<string, string>> = {}): Sent => ({
  method: "GET",
  path,
  headers,
});

export const PROBE = "/v1/endpoints/probe";
export const GET_PROBE = `GET ${PROBE}`;
export const POST_PROBE = `POST ${PROBE}`;
export const INGEST = `POST ${STREAM}/events`;
export const DELETE = `DELETE ${STREAM}/events`;
export const TAIL = `GET ${STREAM}/tail`;
export const REJECTED = `GET ${STREAM}/rejected`;
export const REPLAY = `POST ${STREAM}/rejected/replay`;
export const RESET = `POST ${STREAM}/reset`;
export const REBUILD = `POST ${STREAM}/rebuild`;
export const CANCEL = `DELETE ${STREAM}/rebuild`;
export const SQL = "POST /v1/sql";

export const ingest = (body: string | Buffer, query = "", headers: Sent["headers"] = {}): Sent => {
  return { ...json("POST", `${STREAM}/events${query}`, body), headers: { ...JSON_TYPE, ...headers } };
};
export const erase = (query: Readonly<Record<string, string>>): Sent => {
  return { method: "DELETE", path: `${STREAM}/events?${new URLSearchParams(query).toString()}` };
};
export const ask = (sql: string, query = ""): Sent => json("POST", `/v1/sql${query}`, { sql });
export const probe = (body: unknown, query = ""): Sent => json("POST", `${PROBE}${query}`, body);
export const replay = (body: unknown): Sent => json("POST", `${STREAM}/rejected/replay`, body);

/** A request of each operation that is answered with what was asked for. One that the document has beyond these fails. */
export const GOOD: Readonly<Record<string, Sent>> = {
  [GET_PROBE]: get(`${PROBE}?as=rows`),
  [POST_PROBE]: probe({ as: "rows" }),
  "GET /v1/streams": get("/v1/streams"),
  [`GET ${STREAM}`]: get(STREAM),
  [INGEST]: ingest(EVENT),
  [DELETE]: erase({ where: "sensor = 'nobody'" }),
  [TAIL]: get(`${STREAM}/tail?from=start`),
  [REJECTED]: get(`${STREAM}/rejected`),
  [REPLAY]: replay({ code: "nothing" }),
  [RESET]: json("POST", `${STREAM}/reset`, { confirm: "readings" }),
  // Without it the stream would be busy when the next request comes.
  [REBUILD]: { method: "POST", path: `${STREAM}/rebuild?dry_run=true` },
  [CANCEL]: { method: "DELETE", path: `${STREAM}/rebuild` },
  [SQL]: ask("SELECT 1 AS one"),
  "GET /v1/openapi.json": get("/v1/openapi.json"),
  "GET /docs": get("/docs"),
  "GET /livez": get("/livez"),
  "GET /readyz": get("/readyz"),
  "GET /metrics": get("/metrics"),
};

const FORMATS = {
  json: "application/json",
  ndjson: "application/x-ndjson",
  csv: "text/csv",
  parquet: "application/vnd.apache.parquet",
  arrow: "application/vnd.apache.arrow.stream",
};
const XML = { "content-type": "application/xml" };
const LARGE = " ".repeat(1_100_000);

type Case = readonly [operation: string, sent: Sent, answer: string];

/** Requests with the answer that each of them alone provokes: a status, and the code or the media type. */
export const CASES: readonly Case[] = [
  ...Object.entries(FORMATS).flatMap(([format, type]): Case[] => [
    [GET_PROBE, get(`${PROBE}?as=rows&format=${format}`), `200 ${type}`],
    [POST_PROBE, probe({ as: "rows" }, `?format=${format}`), `200 ${type}`],
    [SQL, ask("SELECT sensor FROM readings", `?format=${format}`), `200 ${type}`],
  ]),
  [GET_PROBE, get(`${PROBE}?as=rows`, { "if-none-match": "*" }), "304 without a body"],
  ["GET /v1/openapi.json", get("/v1/openapi.json", { "if-none-match": "*" }), "304 without a body"],
  ["GET /docs", get("/docs", { "if-none-match": "*" }), "304 without a body"],

  [GET_PROBE, get(`${PROBE}?as=nothing`), "400 bad_parameter"],
  [GET_PROBE, get(`${PROBE}?as=rows`, { accept: "image/png" }), "406 not_acceptable"],
  [GET_PROBE, get(`${PROBE}?as=failing`), "500 query_failed"],
  [GET_PROBE, get(`${PROBE}?as=slow`), "504 query_timeout"],
  [GET_PROBE, get(`${PROBE}?as=large`), "507 query_too_large"],
  [POST_PROBE, probe({ as: 5 }), "400 bad_parameter"],
  [POST_PROBE, probe("{"), "400 body_unreadable"],
  [POST_PROBE, probe({ as: "rows" }, "?format=png"), "406 not_acceptable"],
  [POST_PROBE, probe(LARGE), "413 body_too_large"],
  [POST_PROBE, { ...probe("<as/>"), headers: XML }, "415 unsupported_media_type"],
  [POST_PROBE, probe({ as: "failing" }), "500 query_failed"],
  [POST_PROBE, probe({ as: "slow", nonce: 1 }), "504 query_timeout"],
  [POST_PROBE, probe({ as: "large" }), "507 query_too_large"],

  [SQL, ask("SELECT sensor + 1 FROM readings"), "400 sql_invalid"],
  [SQL, json("POST", "/v1/sql", { query: "SELECT 1" }), "400 bad_parameter"],
  [SQL, json("POST", "/v1/sql", "{"), "400 body_unreadable"],
  [SQL, ask("SELECT * FROM file('/etc/passwd')"), "403 sql_refused"],
  [SQL, ask("SELECT * FROM readigns"), "404 unknown_stream"],
  [SQL, ask("SELECT 1", "?format=png"), "406 not_acceptable"],
  [SQL, json("POST", "/v1/sql", LARGE), "413 body_too_large"],
  [SQL, { ...ask("SELECT 1"), headers: XML }, "415 unsupported_media_type"],
  [
    SQL,
    ask("SELECT sum(sipHash64(a.number, b.number)) AS n FROM numbers(1000000) AS a, numbers(1000000) AS b"),
    "504 query_timeout",
  ],
  [SQL, ask("SELECT number FROM numbers(10000)"), "507 query_too_large"],

  [INGEST, ingest(`[${EVENT},{"value":"x"}]`), "202 application/json"],
  [INGEST, ingest(EVENT, "?wait=stored"), "200 application/json"],
  [INGEST, ingest("["), "400 body_unreadable"],
  [INGEST, ingest(EVENT, "?wait=ever"), "400 bad_parameter"],
  [
    INGEST,
    { ...ingest("sensr,value\ns1,5\n"), headers: { "content-type": "text/csv" } },
    "400 csv_header_invalid",
  ],
  [INGEST, ingest(LARGE), "413 body_too_large"],
  [INGEST, { ...ingest("<event/>"), headers: XML }, "415 unsupported_media_type"],
  [INGEST, ingest(`{"value":"x"}`), "422 events_rejected"],
  [INGEST, ingest(EVENT, "", { "idempotency-key": "reused" }), "202 application/json"],
  [INGEST, ingest(EVENT, "", { "idempotency-key": "reused" }), "202 application/json"],
  [INGEST, ingest(`{"value":"x"}`, "", { "idempotency-key": "bad" }), "422 events_rejected"],
  [INGEST, ingest(`{"value":"x"}`, "", { "idempotency-key": "bad" }), "422 events_rejected"],
  [INGEST, ingest(`[${EVENT}]`, "", { "idempotency-key": "reused" }), "422 idempotency_key_reused"],

  [TAIL, get(`${STREAM}/tail?form=start`), "400 bad_parameter"],
  [REJECTED, get(`${STREAM}/rejected?limit=none`), "400 bad_parameter"],

  [REPLAY, replay({ code: "" }), "400 bad_parameter"],
  [REPLAY, replay("{"), "400 body_unreadable"],
  [REPLAY, replay(LARGE), "413 body_too_large"],
  [REPLAY, { ...replay("<all/>"), headers: XML }, "415 unsupported_media_type"],

  [DELETE, erase({}), "400 bad_parameter"],
  [DELETE, erase({ where: "value = (SELECT 1)" }), "400 condition_invalid"],
  [DELETE, erase({ where: "sensor = 'nobody'", dry_run: "true" }), "200 application/json"],
  [DELETE, { ...erase({ where: "1" }), ...withBody("{") }, "400 body_unreadable"],
  [DELETE, { ...erase({ where: "1" }), ...withBody(LARGE) }, "413 body_too_large"],
  [DELETE, { ...erase({ where: "1" }), headers: XML, body: "<all/>" }, "415 unsupported_media_type"],

  [RESET, json("POST", `${STREAM}/reset`, { confirm: "everything" }), "400 bad_parameter"],
  [RESET, json("POST", `${STREAM}/reset`, "{"), "400 body_unreadable"],
  [RESET, json("POST", `${STREAM}/reset`, LARGE), "413 body_too_large"],
  [RESET, { ...json("POST", `${STREAM}/reset`, "<all/>"), headers: XML }, "415 unsupported_media_type"],

  [REBUILD, { method: "POST", path: `${STREAM}/rebuild?dry_run=1` }, "400 bad_parameter"],
  ...withBadBodies(REBUILD, { method: "POST", path: `${STREAM}/rebuild` }),
  ...withBadBodies(CANCEL, { method: "DELETE", path: `${STREAM}/rebuild` }),
];

function withBadBodies(operation: string, sent: Sent): readonly Case[] {
  return [
    [operation, { ...sent, ...withBody("{") }, "400 body_unreadable"],
    [operation, { ...sent, ...withBody(LARGE) }, "413 body_too_large"],
    [operation, { ...sent, headers: XML, body: "<all/>" }, "415 unsupported_media_type"],
  ];
}

function withBody(body: string): Pick<Sent, "headers" | "body"> {
  return { headers: JSON_TYPE, body };
}
