import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { createAudit } from "../../src/access/audit.ts";
import { registerAccess, type AccessDeps } from "../../src/access/register-access.ts";
import { parseTokens } from "../../src/access/token-entries.ts";
import { createToken } from "../../src/access/token.ts";
import { Tokens } from "../../src/access/tokens.ts";
import { createServer, type HttpServer } from "../../src/http/server.ts";
import { rawConnection, lastAnswer } from "../support/raw-http.ts";
import { until } from "../support/until.ts";
import { bearer, testToken } from "./token-fixtures.ts";

const boss = testToken("boss", ["*"]);
const reader = testToken("reader", ["read:delays"]);
const old = testToken("old", ["*"], { expires: "2026-01-01T00:00:00Z" });
const slow = testToken("slow", ["*"], { rate: { requests_per_second: 1, burst: 2 } });

let server: HttpServer | undefined;
let logged: Record<string, unknown>[] = [];
const refused: string[] = [];
afterEach(async () => {
  await server?.close();
  logged = [];
  refused.length = 0;
});

async function start(
  deps: Partial<AccessDeps> = {},
  more: (app: FastifyInstance) => void = () => {},
): Promise<string> {
  const logger = pino({ level: "debug" }, { write: keepLine });
  server = createServer({ logger, host: "127.0.0.1", port: 0, limits: { idleGrace: 0 } });
  const written = [boss, reader, old, slow].map(({ entry }) => entry);
  registerAccess(server.app, {
    tokens: new Tokens(parseTokens(JSON.stringify(written), "test")),
    audit: createAudit(logger),
    observer: { refused: (code) => void refused.push(code) },
    ...deps,
  });
  const { app } = server;
  app.get("/open", { config: { scope: "open" } }, async (request) => ({
    caller: request.caller?.name ?? null,
  }));
  app.get("/any", { config: { scope: "any" } }, async (request) => ({
    caller: request.caller?.name ?? null,
  }));
  app.get("/undeclared", async () => ({}));
  app.post("/admin/:stream", { config: { scope: "admin" } }, async () => ({}));
  app.get<{ Params: { name: string } }>(
    "/read/:name",
    { config: { scope: (request) => [`read:${(request.params as { name: string }).name}`, "admin"] } },
    async () => ({}),
  );
  more(app);
  return server.listen();
}

function keepLine(line: string): void {
  logged.push(JSON.parse(line) as Record<string, unknown>);
}

async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, headers: response.headers, body, code: body["code"] };
}

describe("who is refused, and with what", () => {
  test("without a token: 401, with the scheme that is asked for", async () => {
    const { status, code, headers } = await get(`${await start()}/any`);
    expect([status, code]).toEqual([401, "token_missing"]);
    expect(headers.get("www-authenticate")).toBe('Bearer realm="headrace"');
    expect(headers.get("cache-control")).toBe("no-store");
  });

  test.each([
    ["an unknown token", () => `Bearer ${createToken()}`],
    ["a hash in place of its token", () => `Bearer ${boss.entry.hash.slice(7)}`],
    ["a token with one character more", () => `Bearer ${boss.token}A`],
    ["no scheme", () => boss.token],
    ["another scheme", () => `Basic ${Buffer.from(`boss:${boss.token}`).toString("base64")}`],
    ["two tokens", () => `Bearer ${boss.token} ${boss.token}`],
    ["a scheme alone", () => "Bearer"],
    ["a header without an end", () => `Bearer ${"a".repeat(5_000)}`],
  ])("%s: 401 token_invalid", async (_what, header) => {
    const { status, code, headers, body } = await get(`${await start()}/any`, { authorization: header() });
    expect([status, code]).toEqual([401, "token_invalid"]);
    expect(headers.get("www-authenticate")).toContain('error="invalid_token"');
    expect(JSON.stringify(body)).not.toContain(boss.token.slice(3, 12));
  });

  test("a token whose time is over: 401 token_expired, at the millisecond", async () => {
    let now = Date.parse(old.entry.expires) - 1;
    const url = await start({ clock: () => now });
    expect((await get(`${url}/any`, bearer(old.token))).status).toBe(200);
    now += 1;
    const { status, code, headers } = await get(`${url}/any`, bearer(old.token));
    expect([status, code]).toEqual([401, "token_expired"]);
    expect(headers.get("www-authenticate")).toContain('error="invalid_token"');
  });

  test("a token without the scope: 403 that names the scope", async () => {
    const url = await start();
    expect((await get(`${url}/read/delays`, bearer(reader.token))).status).toBe(200);
    const { status, code, headers, body } = await get(`${url}/read/other`, bearer(reader.token));
    expect([status, code]).toEqual([403, "scope_missing"]);
    expect(body).toMatchObject({ scopes: ["read:other", "admin"] });
    expect(body["detail"]).toContain('"reader" lacks the scope read:other or admin');
    expect(headers.get("www-authenticate")).toContain('error="insufficient_scope"');
  });

  test("a name in another spelling is the same name, and * in a path is no wildcard", async () => {
    const url = await start();
    expect((await get(`${url}/read/%64elays`, bearer(reader.token))).status).toBe(200);
    expect((await get(`${url}/read/*`, bearer(reader.token))).status).toBe(403);
  });

  test("a route that declares no scope answers nobody, not even *", async () => {
    const url = await start();
    expect((await get(`${url}/undeclared`, bearer(boss.token))).code).toBe("scope_missing");
    expect((await get(`${url}/undeclared`)).code).toBe("token_missing");
  });

  test("the scheme's name counts in any case", async () => {
    const url = await start();
    expect((await get(`${url}/any`, { authorization: `bEARER ${boss.token}` })).status).toBe(200);
  });

  test("HEAD is as protected as GET", async () => {
    const url = await start();
    expect((await fetch(`${url}/any`, { method: "HEAD" })).status).toBe(401);
    expect((await fetch(`${url}/any`, { method: "HEAD", headers: bearer(boss.token) })).status).toBe(200);
  });

  test("a refused request is answered before its body has come", async () => {
    const connection = await rawConnection(await start());
    connection.send(
      "POST /admin/a HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{",
    );
    await until(() => connection.received().includes("token_missing"));
    expect(lastAnswer(connection.received()).status).toBe(401);
    connection.socket.destroy();
  });

  test("each refusal is counted by its code", async () => {
    const url = await start();
    await get(`${url}/any`);
    await get(`${url}/any`, bearer("hr_x"));
    await get(`${url}/any`, bearer(old.token));
    await get(`${url}/read/x`, bearer(reader.token));
    expect(refused).toEqual(["token_missing", "token_invalid", "token_expired", "scope_missing"]);
  });
});

describe("who is let in", () => {
  test("open routes look at no token", async () => {
    const url = await start();
    expect((await get(`${url}/open`)).body).toEqual({ caller: null });
    expect((await get(`${url}/open`, bearer("hr_wrong"))).status).toBe(200);
  });

  test("without tokens every route is open, and whatever is sent as one is ignored", async () => {
    const url = await start({ tokens: undefined });
    for (const path of ["/any", "/undeclared", "/read/x"]) {
      expect((await get(`${url}${path}`)).status).toBe(200);
      expect((await get(`${url}${path}`, bearer("hr_wrong"))).status).toBe(200);
    }
  });

  test("the caller's name is in the request and in the log, and the token is nowhere", async () => {
    const url = await start();
    expect((await get(`${url}/any`, bearer(reader.token))).body).toEqual({ caller: "reader" });
    await get(`${url}/any`, bearer(`${reader.token}x`));
    await get(`${url}/read/other`, bearer(reader.token));
    await until(() => logged.length >= 3);
    expect(logged.map(({ caller }) => caller)).toEqual(["reader", undefined, "reader"]);
    expect(JSON.stringify(logged)).not.toContain(reader.token.slice(3, 12));
    expect(JSON.stringify(logged)).not.toContain(reader.entry.hash.slice(7, 20));
  });
});

describe("a token's rate", () => {
  test("past it: 429 with Retry-After, and it goes on when that time is over", async () => {
    const url = await start();
    const answers = await Promise.all([1, 2, 3].map(() => get(`${url}/any`, bearer(slow.token))));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 429]);
    const limited = answers.find(({ status }) => status === 429);
    expect(limited?.code).toBe("rate_limited");
    expect(limited?.headers.get("retry-after")).toBe("1");
    expect(limited?.headers.get("ratelimit-policy")).toBe('"token";q=2;w=2');
    expect(limited?.headers.get("ratelimit")).toBe('"token";r=0;t=1');
    // What the answer says must be enough.
    await sleep(Number(limited?.headers.get("retry-after")) * 1000);
    expect((await get(`${url}/any`, bearer(slow.token))).status).toBe(200);
  });

  test("is the token's own: others aren't held up, and have no such headers", async () => {
    const url = await start();
    for (let count = 0; count < 3; count++) await get(`${url}/any`, bearer(slow.token));
    const { status, headers } = await get(`${url}/any`, bearer(boss.token));
    expect([status, headers.get("ratelimit")]).toEqual([200, null]);
  });
});

describe("the audit log", () => {
  test("has each refused action of an administrator, with who tried it", async () => {
    const url = await start();
    await fetch(`${url}/admin/flights`, { method: "POST", headers: bearer(reader.token) });
    await fetch(`${url}/admin/flights`, { method: "POST" });
    await fetch(`${url}/admin/flights`, { method: "POST", headers: bearer(boss.token) });
    await get(`${url}/any`);
    expect(logged.filter((line) => line["audit"] === true)).toMatchObject([
      {
        caller: "reader",
        action: "POST /admin/:stream",
        target: "flights",
        outcome: "refused",
        code: "scope_missing",
      },
      {
        caller: "anyone",
        action: "POST /admin/:stream",
        target: "flights",
        outcome: "refused",
        code: "token_missing",
      },
    ]);
  });

  test("is written at any level but silent", () => {
    const lines: string[] = [];
    for (const level of ["error", "silent"]) {
      const audit = createAudit(pino({ level }, { write: (line: string) => void lines.push(line) }));
      audit({ name: "boss" }, "delete", "flights", "done", { rows: 7 });
    }
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { audit: true, caller: "boss", action: "delete", target: "flights", outcome: "done", rows: 7 },
    ]);
  });
});
