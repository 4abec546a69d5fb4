import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import type { CrossOrigin } from "../../src/http/cross-origin.ts";
import { createServer, type HttpServer } from "../../src/http/server.ts";
import { lastAnswer, rawConnection } from "../support/raw-http.ts";

let server: HttpServer | undefined;
afterEach(async () => server?.close());

async function start(crossOrigin?: CrossOrigin): Promise<string> {
  server = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { idleGrace: 0 },
    ...(crossOrigin === undefined ? {} : { crossOrigin }),
  });
  server.app.get("/data", (_request, reply) => reply.header("vary", "accept").send({}));
  server.app.post("/data", async () => ({}));
  return server.listen();
}

const from = (origin: string, more: Record<string, string> = {}) => ({ headers: { origin, ...more } });
const preflight = (origin: string) => ({
  method: "OPTIONS",
  headers: {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,idempotency-key",
  },
});
const corsHeaders = (response: Response) =>
  [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));

const APP = "https://app.example.com";

describe("without CORS origins", () => {
  test("no answer has a CORS header, to a preflight request neither", async () => {
    const url = await start();
    for (const options of [from(APP), preflight(APP)]) {
      const response = await fetch(`${url}/data`, options);
      expect(response.ok).toBe(true);
      expect(corsHeaders(response)).toEqual([]);
    }
  });
});

describe("with CORS origins", () => {
  const crossOrigin = { origins: [APP, "http://localhost:3000"], refuseOthers: false };

  test("a preflight request learns the methods and headers that there are, without a token", async () => {
    const response = await fetch(`${await start(crossOrigin)}/data`, preflight(APP));
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-origin")).toBe(APP);
    expect(response.headers.get("access-control-allow-methods")).toBe("GET, HEAD, POST, DELETE");
    const allowed = response.headers.get("access-control-allow-headers")?.split(", ");
    expect(allowed).toEqual(expect.arrayContaining(["authorization", "content-type", "idempotency-key"]));
    expect(response.headers.get("access-control-max-age")).toBe("3600");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test("a page may read the answer and the headers that matter, and caches tell origins apart", async () => {
    const response = await fetch(`${await start(crossOrigin)}/data`, from(APP));
    expect(response.headers.get("access-control-allow-origin")).toBe(APP);
    const exposed = response.headers.get("access-control-expose-headers")?.split(", ");
    expect(exposed).toEqual(
      expect.arrayContaining(["ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id"]),
    );
    expect(response.headers.get("vary")).toBe("accept, Origin");
  });

  test("a page may read errors too: of routes that aren't there and of paths that can't be read", async () => {
    const url = await start(crossOrigin);
    for (const path of ["/nowhere", "/%zz"]) {
      const response = await fetch(`${url}${path}`, from(APP));
      expect(response.ok).toBe(false);
      expect(response.headers.get("access-control-allow-origin")).toBe(APP);
    }
  });

  test.each([
    "https://evil.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "null",
  ])("%s may not, and caches are told that it depends", async (origin) => {
    const url = await start(crossOrigin);
    for (const options of [from(origin), preflight(origin)]) {
      const response = await fetch(`${url}/data`, options);
      expect(corsHeaders(response)).toEqual([]);
      expect(response.headers.get("vary")).toMatch(/Origin$/);
    }
    expect((await fetch(`${url}/data`)).headers.get("vary")).toBe("accept, Origin");
  });

  test("* is every origin, and never with credentials", async () => {
    const response = await fetch(
      `${await start({ origins: ["*"], refuseOthers: false })}/data`,
      from("null"),
    );
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-allow-credentials")).toBeNull();
    expect(response.headers.get("vary")).toBe("accept");
  });
});

describe("a server without tokens", () => {
  const guarded = { origins: ["https://app.example.com"], refuseOthers: true };

  test.each(["https://evil.example", "null", "http://localhost.evil.example", "file://"])(
    "refuses what a page of %s sends, although it couldn't read the answer",
    async (origin) => {
      const response = await fetch(`${await start(guarded)}/data`, { method: "POST", ...from(origin) });
      expect(response.status).toBe(403);
      expect(await response.json()).toMatchObject({ code: "origin_not_allowed" });
    },
  );

  test("takes what its own pages, other pages of this machine and allowed origins send", async () => {
    const url = await start(guarded);
    for (const origin of [url, "http://localhost:5173", "http://[::1]:80", "https://app.example.com"]) {
      expect((await fetch(`${url}/data`, { method: "POST", ...from(origin) })).status).toBe(200);
    }
  });

  test("takes what has no origin: commands and other programs", async () => {
    expect((await fetch(`${await start(guarded)}/data`, { method: "POST" })).status).toBe(200);
  });
});

describe("security headers", () => {
  const EXPECTED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  };

  test.each(["/data", "/nowhere", "/%zz"])("are on the answer to %s", async (path) => {
    const response = await fetch(`${await start()}${path}`);
    expect(Object.fromEntries(response.headers)).toMatchObject(EXPECTED);
    expect(response.headers.get("cache-control")).toBe(response.ok ? null : "no-store");
  });

  test("are on the answer to bytes that aren't HTTP", async () => {
    const connection = await rawConnection(await start());
    connection.send("hello\r\n\r\n");
    const text = await connection.closed();
    expect(lastAnswer(text).status).toBe(400);
    for (const [name, value] of Object.entries(EXPECTED)) {
      expect(text.toLowerCase()).toContain(`${name}: ${value.toLowerCase()}`);
    }
  });
});
