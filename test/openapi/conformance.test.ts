import { subscribe, unsubscribe } from "node:diagnostics_channel";
import fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createToken } from "../../src/access/token.ts";
import { startServer, type RunningServer } from "../../src/compose.ts";
import { loadConfig } from "../../src/config.ts";
import { bearer, testToken } from "../access/token-fixtures.ts";
import { startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { send, sendHalf, sendHeadOnly, type Answer, type HalfSent, type Sent } from "./answer.ts";
import { Contract, type OpenApi } from "./contract.ts";
import lax from "./lax/headrace.config.ts";
import * as requests from "./requests.ts";
import { CASES, DELETE, EVENT, GOOD, INGEST, REPLAY, RESET, TAIL } from "./requests.ts";

/**
 * Reads the OpenAPI document of a running server and provokes every answer in it: each operation, status, code of an
 * error and media type. Each answer is held against its documented schema and headers. An operation or an answer that is
 * added to the document fails the last test until a request here provokes it; an answer that isn't documented fails at once.
 */
let contract: Contract;
let document: OpenApi;
let folder: string;
let server: RunningServer;
let app: FastifyInstance;

/** Documented answers that no request and no fault of the system's own calls brings about here, with the reason. */
const ELSEWHERE: readonly (readonly [answer: RegExp, why: string])[] = [
  [/ 503 store_failed$/, "the engine itself has to fail: test/store and test/faults"],
  [/reset 429 overloaded$/, "a loader that doesn't come to it for half a minute: test/load/erase.test.ts"],
  [/^POST \/v1\/sql 500 query_failed$/, "a logical error of the engine; a mistake in the SQL is 400"],
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-openapi-"));
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const variantOf = ({ status, headers, body }: Answer): string => {
  const type = (headers["content-type"] ?? "").split(";")[0];
  if (body.length === 0) return `${status} without a body`;
  const isProblem = type === "application/problem+json";
  return `${status} ${isProblem ? (JSON.parse(body.toString()) as { code: string }).code : type}`;
};

/** Holds an answer against the document, and against what was expected of the request. */
function hold(operation: string, answer: Answer, expected: string): void {
  expect(`${operation}: ${variantOf(answer)}`).toBe(`${operation}: ${expected}`);
  expect(contract.problemsOf(operation, answer)).toEqual([]);
}

function good(operation: string): Sent {
  const sent = GOOD[operation];
  if (sent === undefined) throw new Error(`no request for ${operation}`);
  return sent;
}

const withHeaders = (sent: Sent, headers: Sent["headers"]): Sent => ({
  ...sent,
  headers: { ...sent.headers, ...headers },
});

test("with tokens: each operation that asks for one refuses what isn't enough, and answers what is", async () => {
  const everything = testToken("everything", ["*"]);
  const other = testToken("other", ["ingest:others"]);
  const expired = testToken("expired", ["*"], { expires: "2026-01-01T00:00:00Z" });
  const limited = testToken("limited", ["*"], { rate: { requests_per_second: 0.001, burst: 1 } });
  const tokens = [everything, other, expired, limited].map(({ entry }) => entry);
  const { url, stop } = await startServerProcess({
    project: join(import.meta.dirname, "strict"),
    data: join(folder, "data"),
    env: { HEADRACE_TOKENS: JSON.stringify(tokens) },
  });
  try {
    const allowed = bearer(everything.token);
    const answer = await send(url, withHeaders(good("GET /v1/openapi.json"), allowed));
    document = JSON.parse(answer.body.toString()) as OpenApi;
    contract = new Contract(document);
    expect(
      contract
        .operations()
        .map(([name]) => name)
        .sort(),
    ).toEqual(Object.keys(GOOD).sort());
    await send(url, withHeaders(good("GET /v1/streams"), bearer(limited.token)));

    for (const [name, { security }] of contract.operations()) {
      const sent = good(name);
      if (security.length > 0) {
        hold(name, await send(url, sent), "401 token_missing");
        hold(name, await send(url, withHeaders(sent, bearer(createToken()))), "401 token_invalid");
        hold(name, await send(url, withHeaders(sent, bearer(expired.token))), "401 token_expired");
        hold(name, await send(url, withHeaders(sent, bearer(limited.token))), "429 rate_limited");
      }
      if (contract.answeringWith("scope_missing").includes(name)) {
        hold(name, await send(url, withHeaders(sent, bearer(other.token))), "403 scope_missing");
      }
      const { status } = await send(url, withHeaders(sent, allowed));
      expect([name, status < 300]).toEqual([name, true]);
    }
    // After the reset of above: what the next version of the project can replay.
    const rejected = requests.ingest(
      `[${EVENT},{"sensor":"s2","value":200},{"sensor":"s3","value":300}]`,
      "?wait=stored",
    );
    hold(INGEST, await send(url, withHeaders(rejected, allowed)), "200 application/json");
  } finally {
    await stop("SIGTERM");
  }
});

test("without tokens the document is the same, and valid to an independent validator", async () => {
  await startHere();
  const answer = await send(server.url, good("GET /v1/openapi.json"));
  const here = JSON.parse(answer.body.toString()) as OpenApi;
  expect(Object.keys(here.paths)).toEqual(Object.keys(document.paths));
  expect(await new Validator().validate({ ...structuredClone(here) })).toEqual({ valid: true });
});

async function startHere(): Promise<void> {
  const onApp = (message: unknown): void => {
    ({ fastify: app } = message as { readonly fastify: FastifyInstance });
    app.addHook("preHandler", async ({ headers }) => {
      if (headers["x-fault"] !== undefined) throw new Error("a fault that the test made");
    });
    // How often connections are held against the timeouts is read when the server begins to listen.
    Object.assign(app.server, { connectionsCheckingInterval: 100 });
  };
  subscribe("fastify.initialization", onApp);
  const env = {
    HEADRACE_PORT: "0",
    HEADRACE_DATA: join(folder, "data"),
    HEADRACE_QUERIES_MAX: "2",
    HEADRACE_SQL_TIME: "1s",
    HEADRACE_SQL_ROWS: "100",
    HEADRACE_INGEST_BODY_MAX: "512KiB",
    HEADRACE_INGEST_IN_FLIGHT_MAX: "1MiB",
  };
  const config = loadConfig({ projectFolder: folder, env });
  server = await startServer({ project: lax, config, logger: pino({ level: "silent" }) });
  unsubscribe("fastify.initialization", onApp);
  await until(async () => (await send(server.url, good("GET /readyz"))).status === 200);
}

test("each operation answers a good request as documented", async () => {
  const types: Readonly<Record<string, string>> = {
    [INGEST]: "202 application/json",
    [TAIL]: "200 text/event-stream",
    "GET /docs": "200 text/html",
    "GET /metrics": "200 text/plain",
  };
  // Everything would be gone. The server with tokens was reset.
  const kept = Object.entries(GOOD).filter(([name]) => name !== RESET);
  for (const [name, sent] of kept)
    hold(name, await send(server.url, sent), types[name] ?? "200 application/json");
});

test("each of its own errors, formats and other answers comes as documented", async () => {
  const isSlow = ([, , expected]: (typeof CASES)[number]): boolean => expected.startsWith("504");
  const slow = CASES.filter(isSlow).map(async ([operation, sent, expected]) =>
    hold(operation, await send(server.url, sent), expected),
  );
  await Promise.all(slow);
  for (const [operation, sent, expected] of CASES.filter((one) => !isSlow(one))) {
    hold(operation, await send(server.url, sent), expected);
  }
});

test("what the server's shell refuses is refused by each operation as documented", async () => {
  const { url } = server;
  for (const [name] of contract.operations()) {
    const sent = good(name);
    const garbled = `${sent.path}${sent.path.includes("?") ? "&" : "?"}%ff`;
    hold(name, await send(url, { ...sent, path: garbled }), "400 bad_request");
    hold(
      name,
      await send(url, withHeaders(sent, { origin: "https://evil.example" })),
      "403 origin_not_allowed",
    );
    hold(name, await send(url, withHeaders(sent, { host: "evil.example" })), "421 host_not_allowed");
    hold(
      name,
      await send(url, withHeaders(sent, { "x-large": "x".repeat(20_000) })),
      "431 headers_too_large",
    );
    hold(name, await send(url, withHeaders(sent, { "x-fault": "yes" })), "500 internal_error");
  }
});

test("a request that doesn't arrive in time is told so, whichever operation it was for", async () => {
  const { headersTimeout, requestTimeout } = app.server;
  Object.assign(app.server, { headersTimeout: 200, requestTimeout: 200 });
  const late = contract.operations().map(async ([name]) => {
    return [name, await sendHeadOnly(server.url, good(name))] as const;
  });
  for (const [name, answer] of await Promise.all(late)) hold(name, answer, "408 request_timeout");
  Object.assign(app.server, { headersTimeout, requestTimeout });
});

/** Keeps so many slow queries waiting, each of its own, until it is released; `full` resolves when one was refused. */
function saturate(queries: number): { readonly full: Promise<void>; release(): Promise<void> } {
  const { promise: full, resolve } = Promise.withResolvers<void>();
  const stop = new AbortController();
  const keep = async (_: unknown, index: number): Promise<void> => {
    for (let nonce = index * 1000; !stop.signal.aborted; nonce++) {
      const sent = requests.probe({ as: "slow", nonce });
      const answer = await send(server.url, sent, stop.signal).catch(() => undefined);
      if (answer?.status !== 429) continue;
      resolve();
      await sleep(20);
    }
  };
  const kept = Array.from({ length: queries }, keep);
  return {
    full,
    release: async () => {
      stop.abort();
      await Promise.all(kept);
    },
  };
}

test("when a replay waits, other work on the stream is refused as documented", async () => {
  const { release } = saturate(6);
  let isDone = false;
  const first = send(server.url, good(REPLAY)).finally(() => (isDone = true));
  for (const name of contract.answeringWith("stream_busy")) {
    await until(async () => {
      const sent = name === DELETE ? requests.erase({ where: "sensor = 'nobody'" }) : good(name);
      const answer = await send(server.url, sent);
      // Sooner than the first one, it may have been let through.
      if (answer.status !== 409) return false;
      hold(name, answer, "409 stream_busy");
      return true;
    });
  }
  expect(isDone).toBe(false);
  await release();
  hold(REPLAY, await first, "200 application/json");
});

test("when the store's sessions and all places before them are taken, each operation that needs one says so", async () => {
  const { full, release } = saturate(530);
  await full;
  const others = [INGEST, DELETE, RESET, TAIL];
  for (const name of contract.answeringWith("overloaded").filter((one) => !others.includes(one))) {
    await until(async () => {
      // One that got a place that came free in this moment would wait for long.
      const answer = await send(server.url, good(name), AbortSignal.timeout(1_000)).catch(() => undefined);
      if (answer?.status !== 429) return false;
      hold(name, answer, "429 overloaded");
      return true;
    });
  }
  await release();
});

test("ingest says when bodies take all its memory, and when a key is in flight", async () => {
  const headers = { "content-type": "application/json", "idempotency-key": "slow" };
  const begin = (key: string): Promise<HalfSent> => {
    const sent = requests.ingest(`[${" ".repeat(450_000)}`, "", { ...headers, "idempotency-key": key });
    return sendHalf(server.url, sent, 500_000);
  };
  const held = await Promise.all(["one", "two"].map(begin));
  await until(async () => {
    const answer = await send(server.url, requests.ingest(`[${EVENT}${" ".repeat(400_000)}]`));
    if (answer.status === 202) return false;
    hold(INGEST, answer, "429 overloaded");
    return true;
  });
  const again = await send(server.url, requests.ingest(EVENT, "", { ...headers, "idempotency-key": "one" }));
  hold(INGEST, again, "409 idempotency_key_in_flight");
  for (const { drop } of held) drop();
});

test("a tail says when there are too many", async () => {
  const open: HalfSent[] = [];
  await until(async () => {
    const more = Array.from({ length: 100 }, () => sendHalf(server.url, good(TAIL), 0));
    open.push(...(await Promise.all(more)));
    const answer = await send(server.url, good(TAIL));
    if (answer.status === 200) return false;
    hold(TAIL, answer, "429 overloaded");
    return true;
  });
  for (const { drop } of open) drop();
});

/** Makes one of Node's calls to the system fail for the files of the log, until `mend`. */
function breakDisk(name: "writev" | "fdatasync", code: string): { mend(): void } {
  const original = fs[name];
  const fail = (...args: readonly unknown[]): void => {
    const done = args.at(-1) as (error: Error) => void;
    setImmediate(done, Object.assign(new Error(`${code}: made by the test`), { code }));
  };
  Object.assign(fs, { [name]: fail });
  syncBuiltinESMExports();
  return {
    mend() {
      Object.assign(fs, { [name]: original });
      syncBuiltinESMExports();
    },
  };
}

test("when the disk is full, and when it fails, what writes to the log says so", async () => {
  const writing = [
    [INGEST, good(INGEST)],
    // What the version before rejected, and this one takes.
    [REPLAY, requests.replay({ code: "out_of_range" })],
  ] as const;
  const full = breakDisk("writev", "ENOSPC");
  for (const [name, sent] of writing) hold(name, await send(server.url, sent), "503 log_full");
  full.mend();
  await until(async () => (await send(server.url, good(INGEST))).status === 202);
  const failing = breakDisk("fdatasync", "EIO");
  for (const [name, sent] of writing) hold(name, await send(server.url, sent), "503 log_failed");
  failing.mend();
});

test("an erasure for which the ledger has no room is told so", async () => {
  // Of text that takes six bytes a letter in the ledger.
  const query = { rejected: "\u0001".repeat(1_000) };
  await until(
    async () => {
      const answer = await send(server.url, requests.erase(query));
      if (answer.status === 200) return false;
      hold(DELETE, answer, "429 overloaded");
      return true;
    },
    { timeout: 20_000 },
  );
  // It frees all the room.
  hold(RESET, await send(server.url, good(RESET)), "200 application/json");
  hold(DELETE, await send(server.url, requests.erase(query)), "200 application/json");
});

test("while the server stops, each operation says so, but for those that tell how it is", async () => {
  const working = await sendHalf(server.url, requests.ingest("["), 100);
  await until(async () => (await send(server.url, good(INGEST))).status === 503);
  const closed = server.close();
  for (const [name] of contract.operations()) {
    const expected = { "GET /livez": "200 application/json", "GET /metrics": "200 text/plain" }[name];
    const state = name === "GET /readyz" ? "503 application/json" : "503 draining";
    hold(name, await send(server.url, good(name)), expected ?? state);
  }
  const probed = { ...good("GET /livez"), path: "/livez?verbose" };
  hold("GET /livez", await send(server.url, probed), "200 application/json");
  working.drop();
  await closed;
});

test("every answer in the document was provoked", () => {
  const isElsewhere = (one: string): boolean => ELSEWHERE.some(([answer]) => answer.test(one));
  expect(contract.unseen().filter((one) => !isElsewhere(one))).toEqual([]);
  // The list of those that weren't grows no longer than it must be.
  for (const [answer] of ELSEWHERE) expect(contract.unseen().some((one) => answer.test(one))).toBe(true);
});
