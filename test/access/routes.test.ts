import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { RouteScope } from "../../src/access/route-scope.ts";
import { createToken } from "../../src/access/token.ts";
import { startServer, type RunningServer } from "../../src/compose.ts";
import { loadConfig } from "../../src/config.ts";
import { defineEndpoint, defineProject, defineStream, sql } from "../../src/index.ts";
import { bearer, testToken } from "./token-fixtures.ts";

/**
 * What each route asks for, as docs/ACCESS.md says it. A route that isn't here fails: decide what it asks for, declare it
 * in the route's `config`, and write it into both.
 */
const DOCUMENTED: Readonly<Record<string, string | readonly string[]>> = {
  "POST /v1/streams/flights/events": "ingest:flights",
  "DELETE /v1/streams/flights/events": "admin",
  "GET /v1/streams": "any",
  "GET /v1/streams/flights": "any",
  "GET /v1/streams/flights/rejected": ["events:flights", "admin"],
  "POST /v1/streams/flights/rejected/replay": "admin",
  "POST /v1/streams/flights/reset": "admin",
  "POST /v1/streams/flights/rebuild": "admin",
  "DELETE /v1/streams/flights/rebuild": "admin",
  "GET /v1/streams/flights/tail": "events:flights",
  "GET /v1/endpoints/delays": "read:delays",
  "POST /v1/endpoints/delays": "read:delays",
  "POST /v1/sql": "sql",
  "GET /v1/openapi.json": "any",
  "GET /docs": "open",
  "GET /livez": "open",
  "GET /readyz": "open",
  "GET /metrics": "metrics",
};

const SCOPES = [
  "ingest:flights",
  "ingest:other",
  "ingest:*",
  "events:flights",
  "events:other",
  "events:*",
  "read:delays",
  "read:other",
  "read:*",
  "sql",
  "metrics",
  "admin",
  "*",
];

const holders = SCOPES.map((scope, index) => ({ scope, ...testToken(`t${index}`, [scope]) }));
const expired = testToken("expired", ["*"], { expires: "2026-01-01T00:00:00Z" });
const limited = testToken("limited", ["*"], { rate: { requests_per_second: 0.01, burst: 1 } });

const flights = defineStream("flights", {
  schema: z.object({ n: z.int32() }),
  table: { orderBy: ["n"] },
});
const delays = defineEndpoint("delays", { query: () => sql`SELECT n FROM ${flights}` });
const project = defineProject({ name: "airport", streams: [flights], endpoints: [delays] });

interface Route {
  readonly method: string;
  readonly url: string;
  readonly scope: RouteScope | undefined;
}

let folder: string;
let server: RunningServer;
const routes: Route[] = [];
const logged: string[] = [];

/** Every route of the composed server, as Fastify itself tells of them. */
function collect(message: unknown): void {
  const { fastify } = message as { readonly fastify: FastifyInstance };
  fastify.addHook("onRoute", ({ method, url, config }: RouteOptions) => {
    for (const one of [method].flat()) routes.push({ method: one, url, scope: config?.scope });
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-access-"));
  const tokens = [...holders, expired, limited].map(({ entry }) => entry);
  const config = loadConfig({
    projectFolder: folder,
    // Beyond loopback, which tokens allow.
    env: { HEADRACE_HOST: "0.0.0.0", HEADRACE_PORT: "0", HEADRACE_TOKENS: JSON.stringify(tokens) },
  });
  const logger = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  subscribe("fastify.initialization", collect);
  server = await startServer({ project, config, logger });
  unsubscribe("fastify.initialization", collect);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** The route's path in this project. */
const pathOf = (url: string): string => url.replace(":stream", "flights").replace(":endpoint", "delays");

interface Answer {
  readonly status: number;
  readonly challenge: string | null;
  readonly body: { readonly code?: string; readonly scopes?: readonly string[] };
}

async function send({ method, url }: Route, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${server.url.replace("0.0.0.0", "127.0.0.1")}${pathOf(url)}`, {
    method,
    headers,
  });
  const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json") === true;
  const body = isProblem && method !== "HEAD" ? ((await response.json()) as Answer["body"]) : {};
  // A tail has no end.
  if (!isProblem) await response.body?.cancel();
  return { status: response.status, challenge: response.headers.get("www-authenticate"), body };
}

/** What is declared, for the stream and the endpoint of this project. */
function declared({ scope }: Route): string | readonly string[] | undefined {
  if (typeof scope !== "function") return scope;
  return scope({ params: { stream: "flights", endpoint: "delays" } } as unknown as FastifyRequest);
}

function holds(scope: string, needed: string | readonly string[]): boolean {
  return [needed].flat().some((one) => scope === "*" || scope === one || scope === one.replace(/:.*/, ":*"));
}

const nameOf = ({ method, url }: Route): string => `${method} ${pathOf(url)}`;
const asking = (): readonly Route[] => routes.filter(({ scope }) => scope !== "open");
const documentedOf = (route: Route) => DOCUMENTED[nameOf(route).replace(/^HEAD/, "GET")];

test("every route declares what it asks for, and it is what is documented", () => {
  expect(routes.length).toBeGreaterThan(8);
  expect(routes.filter((route) => declared(route) === undefined).map(nameOf)).toEqual([]);
  expect(routes.map((route) => [nameOf(route), declared(route)])).toEqual(
    routes.map((route) => [nameOf(route), documentedOf(route)]),
  );
});

describe("every route that isn't open", () => {
  test.each<[string, Record<string, string>, string]>([
    ["without a token", {}, "token_missing"],
    ["with a wrong one", bearer(createToken()), "token_invalid"],
    ["with another scheme", { authorization: "Basic YTpi" }, "token_invalid"],
    ["with an expired one", bearer(expired.token), "token_expired"],
  ])("%s is 401 and says what it asks for", async (_what, headers, code) => {
    for (const route of asking()) {
      const { status, challenge, body } = await send(route, headers);
      expect([nameOf(route), status, challenge?.slice(0, 23)]).toEqual([
        nameOf(route),
        401,
        'Bearer realm="headrace"',
      ]);
      expect(route.method === "HEAD" || body.code === code).toBe(true);
    }
  });

  test("answers to each scope that is enough, and to every other one with 403 that names it", async () => {
    for (const route of asking()) {
      const needed = documentedOf(route) ?? [];
      const isEnough = (scope: string) => needed === "any" || holds(scope, needed);
      const outcomes: (readonly [string, boolean])[] = [];
      for (const { scope, token } of holders) {
        const { status, body } = await send(route, bearer(token));
        outcomes.push([`${nameOf(route)} with ${scope}`, status !== 401 && status !== 403]);
        const named = route.method === "HEAD" ? [needed].flat() : body.scopes;
        expect(status === 403 ? named : [needed].flat()).toEqual([needed].flat());
      }
      expect(outcomes).toEqual(SCOPES.map((scope) => [`${nameOf(route)} with ${scope}`, isEnough(scope)]));
    }
  });

  test("is 429 past the token's rate", async () => {
    const [first, ...others] = asking();
    if (first === undefined) throw new Error("no routes");
    expect((await send(first, bearer(limited.token))).status).not.toBe(429);
    for (const route of others) expect((await send(route, bearer(limited.token))).status).toBe(429);
  });
});

test("the open routes are these, and answer whatever is sent as a token", async () => {
  const open = routes.filter(({ scope }) => scope === "open");
  expect(new Set(open.map(({ url }) => url))).toEqual(new Set(["/livez", "/readyz", "/docs"]));
  for (const route of open) {
    expect((await send(route)).status).toBe(200);
    expect((await send(route, bearer(createToken()))).status).toBe(200);
  }
});

test("OpenAPI has each operation with the scopes that it asks for, and no others", async () => {
  const all = holders.find(({ scope }) => scope === "*");
  const response = await fetch(`${server.url.replace("0.0.0.0", "127.0.0.1")}/v1/openapi.json`, {
    headers: bearer(all?.token ?? ""),
  });
  const { paths } = (await response.json()) as {
    paths: Record<string, Record<string, { security: unknown }>>;
  };
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(
      ([method, { security }]) => [`${method.toUpperCase()} ${path}`, security] as const,
    ),
  );
  expect(operations.length).toBeGreaterThan(8);
  expect(operations).toEqual(operations.map(([name]) => [name, securityOf(DOCUMENTED[name])]));
});

/** As OpenAPI says it: alternatives of which one is enough, the last one being no token, for servers without. */
function securityOf(needed: string | readonly string[] | undefined): unknown {
  if (needed === "open") return [];
  if (needed === "any") return [{ token: [] }, {}];
  return [...[needed].flat().map((scope) => ({ token: [scope] })), {}];
}

test("a stream that isn't there is no news for whoever may not use it", async () => {
  const route = { method: "POST", url: "/v1/streams/secret_one/events", scope: undefined };
  const flightsOnly = holders.find(({ scope }) => scope === "ingest:flights");
  expect((await send(route, bearer(flightsOnly?.token ?? ""))).body.code).toBe("scope_missing");
  const everything = holders.find(({ scope }) => scope === "ingest:*");
  expect((await send(route, bearer(everything?.token ?? ""))).body.code).toBe("unknown_stream");
});

test("callers have Idempotency-Keys of their own", async () => {
  const url = `${server.url.replace("0.0.0.0", "127.0.0.1")}/v1/streams/flights/events`;
  const post = (scope: string) =>
    fetch(url, {
      method: "POST",
      headers: {
        ...bearer(holders.find((one) => one.scope === scope)?.token ?? ""),
        "content-type": "application/json",
        "idempotency-key": "k1",
      },
      body: `{"n": 1}`,
    });
  const answers = [await post("ingest:flights"), await post("ingest:*"), await post("ingest:flights")];
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
  expect(answers.map(({ headers }) => headers.get("idempotency-replayed"))).toEqual([null, null, "true"]);
});

test("metrics count by caller and by refusal, and neither they nor the log hold a token or a hash", async () => {
  const scraper = holders.find(({ scope }) => scope === "metrics");
  const response = await fetch(`${server.url.replace("0.0.0.0", "127.0.0.1")}/metrics`, {
    headers: bearer(scraper?.token ?? ""),
  });
  const text = await response.text();
  expect(text).toMatch(
    new RegExp(`headrace_http_requests_total\\{caller="${holders[0]?.entry.name}",status="2xx"\\} \\d`),
  );
  expect(text).toMatch(/headrace_http_requests_total\{caller="anyone",status="4xx"\} \d/);
  for (const code of ["token_missing", "token_invalid", "token_expired", "scope_missing", "rate_limited"]) {
    expect(text).toMatch(new RegExp(`headrace_access_refused_total\\{code="${code}"\\} [1-9]`));
  }
  const everything = text + logged.join("");
  for (const { token, entry } of [...holders, expired]) {
    expect(everything).not.toContain(token.slice(3, 15));
    expect(everything).not.toContain(entry.hash.slice(7, 23));
  }
  expect(logged.join("")).toContain(`"caller":"${holders[0]?.entry.name}"`);
});
