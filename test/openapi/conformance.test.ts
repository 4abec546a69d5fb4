import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createToken } from "../../src/access/token.ts";
import { bearer, testToken } from "../access/token-fixtures.ts";
import { startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { send, sendHalf, sendHeadOnly, type Answer, type HalfSent, type Sent } from "./answer.ts";
import { Contract, type OpenApi } from "./contract.ts";
import { breakDisk, saturate } from "./faults.ts";
import { startHere, type ServerHere } from "./server-here.ts";
import * as requests from "./requests.ts";
import { CASES, DELETE, EVENT, GOOD, INGEST, REBUILD, REPLAY, RESET, TAIL } from "./requests.ts";

/**
 * Reads the OpenAPI document of a running server and provokes every answer in it: each operation, status, code of an
 * error and media type. Each answer is held against its documented schema and headers. An operation or an answer that is
 * added to the document fails the last test until a request here provokes it; an answer that isn't documented fails at once.
 */
let contract: Contract;
let document: OpenApi;
let folder: string;
let server: ServerHere;

/** Documented answers that no request and no fault of the system's own calls brings about here, with the reason. */
const ELSEWHERE: readonly (readonly [answer: RegExp, why: string])[] = [
  [/ 503 store_failed$/, "the engine itself has to fail: test/store and test/faults"],
  [/reset 429 overloaded$/, "a loader that doesn't come to it for half a minute: test/load/erase.test.ts"],
  [/rebuild 429 overloaded$/, "the same: test/load/rebuild-online.test.ts asks for turns"],
  [
    /rebuild 409 rebuild_(?:refused|cancelled)$/,
    "a log without its beginning: test/load/rebuild-online.test.ts",
  ],
  [/ 503 (?:store_mismatch|ledger_corrupt)$/, "a stream that has stopped: test/load/rebuild-online.test.ts"],
  [/^POST \/v1\/sql 500 query_failed$/, "a logical error of the engine; a mistake in the SQL is 400"],
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-openapi-"));
});
afterAll(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

/** An operation with what it answered, as the document has them; with what is wrong, if anything is. */
const seen = (operation: string, answer: Answer): string => contract.verdict(operation, answer);

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
  const strict = await startServerProcess({
    project: join(import.meta.dirname, "strict"),
    data: join(folder, "data"),
    env: { HEADRACE_TOKENS: JSON.stringify(tokens) },
  });
  const { url } = strict;
  try {
    const allowed = bearer(everything.token);
    const answer = await send(url, withHeaders(good("GET /v1/openapi.json"), allowed));
    document = JSON.parse(answer.body.toString()) as OpenApi;
    contract = new Contract(document);
    const names = contract.operations().map(([name]) => name);
    expect(names.toSorted()).toEqual(Object.keys(GOOD).toSorted());
    await send(url, withHeaders(good("GET /v1/streams"), bearer(limited.token)));

    const refused = async (code: string, headers: Sent["headers"], status: number): Promise<void> => {
      for (const name of contract.answeringWith(code)) {
        expect(seen(name, await send(url, withHeaders(good(name), headers)))).toBe(
          `${name} ${status} ${code}`,
        );
      }
    };
    await refused("token_missing", {}, 401);
    await refused("token_invalid", bearer(createToken()), 401);
    await refused("token_expired", bearer(expired.token), 401);
    await refused("scope_missing", bearer(other.token), 403);
    await refused("rate_limited", bearer(limited.token), 429);
    for (const [name] of contract.operations()) {
      const { status } = await send(url, withHeaders(good(name), allowed));
      expect([name, status < 300]).toEqual([name, true]);
    }
    // After the reset of above: what the next version of the project can replay.
    const rejected = requests.ingest(
      `[${EVENT},{"sensor":"s2","value":200},{"sensor":"s3","value":300}]`,
      "?wait=stored",
    );
    expect(seen(INGEST, await send(url, withHeaders(rejected, allowed)))).toBe(
      `${INGEST} 200 application/json`,
    );
  } finally {
    await strict.stop("SIGTERM");
  }
});

test("without tokens the document is the same, and valid to an independent validator", async () => {
  server = await startHere(folder);
  await until(async () => (await send(server.url, good("GET /readyz"))).status === 200);
  const answer = await send(server.url, good("GET /v1/openapi.json"));
  const here = JSON.parse(answer.body.toString()) as OpenApi;
  expect(Object.keys(here.paths)).toEqual(Object.keys(document.paths));
  expect(await new Validator().validate({ ...structuredClone(here) })).toEqual({ valid: true });
});

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
    expect(seen(name, await send(server.url, sent))).toBe(`${name} ${types[name] ?? "200 application/json"}`);
});

test("a rebuild answers that it has begun, and the stream's description follows it to its end", async () => {
  const begun = await send(server.url, { method: "POST", path: good(REBUILD).path.replace(/\?.*/, "") });
  expect(seen(REBUILD, begun)).toBe(`${REBUILD} 202 application/json`);
  const path = good(REBUILD).path.replace(/\/rebuild.*/, "");
  await until(async () => {
    const answer = await send(server.url, { method: "GET", path });
    expect(seen(`GET ${path}`, answer)).toBe(`GET ${path} 200 application/json`);
    const { rebuild } = JSON.parse(answer.body.toString()) as { rebuild: { state: string } };
    return rebuild.state === "done";
  });
  const after = await send(server.url, good("DELETE /v1/streams/readings/rebuild"));
  expect(after.status).toBe(200);
});

const isSlow = ([, , expected]: (typeof CASES)[number]): boolean => expected.startsWith("504");

test("each of its own errors, formats and other answers comes as documented", async () => {
  const slow = CASES.filter(isSlow).map(async ([operation, sent, expected]) =>
    expect(seen(operation, await send(server.url, sent))).toBe(`${operation} ${expected}`),
  );
  await Promise.all(slow);
  for (const [operation, sent, expected] of CASES.filter((one) => !isSlow(one))) {
    expect(seen(operation, await send(server.url, sent))).toBe(`${operation} ${expected}`);
  }
});

test("what the server's shell refuses is refused by each operation as documented", async () => {
  const { url } = server;
  for (const [name] of contract.operations()) {
    const sent = good(name);
    const garbled = `${sent.path}${sent.path.includes("?") ? "&" : "?"}%ff`;
    expect(seen(name, await send(url, { ...sent, path: garbled }))).toBe(`${name} 400 bad_request`);
    expect(seen(name, await send(url, withHeaders(sent, { origin: "https://evil.example" })))).toBe(
      `${name} 403 origin_not_allowed`,
    );
    expect(seen(name, await send(url, withHeaders(sent, { host: "evil.example" })))).toBe(
      `${name} 421 host_not_allowed`,
    );
    expect(seen(name, await send(url, withHeaders(sent, { "x-large": "x".repeat(20_000) })))).toBe(
      `${name} 431 headers_too_large`,
    );
    expect(seen(name, await send(url, withHeaders(sent, { "x-fault": "yes" })))).toBe(
      `${name} 500 internal_error`,
    );
  }
});

test("a request that doesn't arrive in time is told so, whichever operation it was for", async () => {
  const { headersTimeout, requestTimeout } = server.app.server;
  Object.assign(server.app.server, { headersTimeout: 200, requestTimeout: 200 });
  const late = contract.operations().map(async ([name]) => {
    return [name, await sendHeadOnly(server.url, good(name))] as const;
  });
  for (const [name, answer] of await Promise.all(late))
    expect(seen(name, answer)).toBe(`${name} 408 request_timeout`);
  Object.assign(server.app.server, { headersTimeout, requestTimeout });
});

test("when a replay waits, other work on the stream is refused as documented", async () => {
  const { release } = saturate(server.url, 6);
  let isDone = false;
  const first = send(server.url, good(REPLAY)).finally(() => (isDone = true));
  for (const name of contract.answeringWith("stream_busy")) {
    await until(async () => {
      const sent = name === DELETE ? requests.erase({ where: "sensor = 'nobody'" }) : good(name);
      const answer = await send(server.url, sent);
      // Sooner than the first one, it may have been let through.
      if (answer.status !== 409) return false;
      expect(seen(name, answer)).toBe(`${name} 409 stream_busy`);
      return true;
    });
  }
  expect(isDone).toBe(false);
  await release();
  expect(seen(REPLAY, await first)).toBe(`${REPLAY} 200 application/json`);
});

test("when the store's sessions and all places before them are taken, each operation that needs one says so", async () => {
  const { full, release } = saturate(server.url, 530);
  await full;
  const others = [INGEST, DELETE, RESET, REBUILD, TAIL];
  for (const name of contract.answeringWith("overloaded").filter((one) => !others.includes(one))) {
    await until(async () => {
      // One that got a place that came free in this moment would wait for long.
      const answer = await send(server.url, good(name), AbortSignal.timeout(1_000)).catch(() => undefined);
      if (answer?.status !== 429) return false;
      expect(seen(name, answer)).toBe(`${name} 429 overloaded`);
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
  let held: readonly HalfSent[] = [];
  let key = "";
  let probes = 0;
  await until(async () => {
    // What is asked before all of theirs has come takes the room of one of them, which is refused then: others are begun.
    if (probes++ % 20 === 0) {
      for (const { drop } of held) drop();
      key = `held ${probes}`;
      held = await Promise.all([key, `${key} too`].map(begin));
    }
    const answer = await send(server.url, requests.ingest(`[${EVENT}${" ".repeat(400_000)}]`));
    if (answer.status === 202) return false;
    expect(seen(INGEST, answer)).toBe(`${INGEST} 429 overloaded`);
    return true;
  });
  const again = await send(server.url, requests.ingest(EVENT, "", { ...headers, "idempotency-key": key }));
  expect(seen(INGEST, again)).toBe(`${INGEST} 409 idempotency_key_in_flight`);
  for (const { drop } of held) drop();
});

test("a tail says when there are too many", async () => {
  const open: HalfSent[] = [];
  await until(async () => {
    const more = Array.from({ length: 100 }, () => sendHalf(server.url, good(TAIL), 0));
    open.push(...(await Promise.all(more)));
    const answer = await send(server.url, good(TAIL));
    if (answer.status === 200) return false;
    expect(seen(TAIL, answer)).toBe(`${TAIL} 429 overloaded`);
    return true;
  });
  for (const { drop } of open) drop();
});

test("when the disk is full, and when it fails, what writes to the log says so", async () => {
  const writing = [
    [INGEST, good(INGEST)],
    // What the version before rejected, and this one takes.
    [REPLAY, requests.replay({ code: "out_of_range" })],
  ] as const;
  const full = breakDisk("writev", "ENOSPC");
  for (const [name, sent] of writing)
    expect(seen(name, await send(server.url, sent))).toBe(`${name} 503 log_full`);
  full.mend();
  await until(async () => (await send(server.url, good(INGEST))).status === 202);
  const failing = breakDisk("fdatasync", "EIO");
  for (const [name, sent] of writing)
    expect(seen(name, await send(server.url, sent))).toBe(`${name} 503 log_failed`);
  failing.mend();
});

test("an erasure for which the ledger has no room is told so", async () => {
  // Of text that takes two bytes a letter in the ledger, or six.
  const query = { where: `sensor = '${'"'.repeat(4_000)}'`, rejected: "\u0001".repeat(1_000) };
  await until(
    async () => {
      const answer = await send(server.url, requests.erase(query));
      if (answer.status === 200) return false;
      expect(seen(DELETE, answer)).toBe(`${DELETE} 429 overloaded`);
      return true;
    },
    { timeout: 20_000 },
  );
  // It frees all the room.
  expect(seen(RESET, await send(server.url, good(RESET)))).toBe(`${RESET} 200 application/json`);
  expect(seen(DELETE, await send(server.url, requests.erase(query)))).toBe(`${DELETE} 200 application/json`);
});

test("while the server stops, each operation says so, but for those that tell how it is", async () => {
  const working = await sendHalf(server.url, requests.ingest("["), 100);
  await until(async () => (await send(server.url, good(INGEST))).status === 503);
  const closed = server.close();
  for (const [name] of contract.operations()) {
    const expected = { "GET /livez": "200 application/json", "GET /metrics": "200 text/plain" }[name];
    const state = name === "GET /readyz" ? "503 application/json" : "503 draining";
    expect(seen(name, await send(server.url, good(name)))).toBe(`${name} ${expected ?? state}`);
  }
  const probed = { ...good("GET /livez"), path: "/livez?verbose" };
  expect(seen("GET /livez", await send(server.url, probed))).toBe("GET /livez 200 application/json");
  working.drop();
  await closed;
});

const isElsewhere = (one: string): boolean => ELSEWHERE.some(([answer]) => answer.test(one));

test("every answer in the document was provoked", () => {
  expect(contract.unseen().filter((one) => !isElsewhere(one))).toEqual([]);
  // The list of those that weren't grows no longer than it must be.
  for (const [answer] of ELSEWHERE) expect(contract.unseen().some((one) => answer.test(one))).toBe(true);
});
