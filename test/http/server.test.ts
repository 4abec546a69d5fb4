import { request as httpRequest } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { once } from "node:events";
import type { FastifyReply, FastifyRequest } from "fastify";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { HeadraceError } from "../../src/errors.ts";
import { createServer, type HttpServer, type ServerOptions } from "../../src/http/server.ts";
import { lastAnswer, rawConnection } from "../support/raw-http.ts";
import { until } from "../support/until.ts";

const servers: HttpServer[] = [];
let logged: string[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(
  options: Partial<ServerOptions> = {},
  routes: (server: HttpServer) => void = () => {},
): Promise<{ server: HttpServer; url: string }> {
  logged = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void logged.push(line) });
  // Only the tests of the stop are about how long it waits.
  const limits = { idleGrace: 0, ...options.limits };
  const server = createServer({ logger, host: "127.0.0.1", port: 0, ...options, limits });
  servers.push(server);
  server.app.get("/v1/streams/:stream", async () => ({ ok: true }));
  server.app.post("/v1/streams/:stream/events", async (request) => ({ got: request.body }));
  server.app.get("/livez", async () => ({ status: "live" }));
  routes(server);
  return { server, url: await server.listen() };
}

/** Sends with any Host header, which fetch doesn't allow. */
async function withHost(
  url: string,
  host: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const request = httpRequest(url, { headers: { host } }).end();
  const [response] = (await once(request, "response")) as [NodeJS.ReadableStream & { statusCode: number }];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, body: JSON.parse(text) as Record<string, unknown> };
}

async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  return (await response.json()) as Record<string, unknown>;
}

describe("problem documents", () => {
  test("an error of a route has type, title, status, detail, code, advice, the request's id and its details", async () => {
    const { url } = await start({}, ({ app }) => {
      app.get("/fails", () => {
        throw new HeadraceError("overloaded", "too much of it", {
          retryAfterSeconds: 7,
          details: { limit: "HEADRACE_X", status: "can't be overwritten" },
        });
      });
    });
    const response = await fetch(`${url}/fails`, { headers: { "x-request-id": "abc-1" } });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("7");
    expect(response.headers.get("x-request-id")).toBe("abc-1");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await problem(response)).toEqual({
      type: "urn:headrace:error:overloaded",
      title: "More arrives than can be taken now",
      status: 429,
      detail: "too much of it",
      instance: "urn:headrace:request:abc-1",
      code: "overloaded",
      advice: "Wait as long as Retry-After says, then send it again.",
      limit: "HEADRACE_X",
    });
  });

  test("an unexpected error is 500 without its words, and one line of the log has them with the request's id, but no stack and no body", async () => {
    const { url } = await start({}, ({ app }) => {
      app.post("/breaks", () => {
        throw new TypeError("secret inside");
      });
    });
    const response = await fetch(`${url}/breaks`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"private":"body"}`,
    });
    expect(response.status).toBe(500);
    const body = await problem(response);
    expect(body["code"]).toBe("internal_error");
    expect(JSON.stringify(body)).not.toContain("secret");
    const lines = logged.filter((line) => line.includes(`"code":"internal_error"`));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(response.headers.get("x-request-id"));
    expect(lines[0]).toContain("secret inside");
    expect(logged.join("")).not.toMatch(/server\.test\.ts|"private"|    at /);
  });

  test.each([
    ["text that isn't JSON", "{", "body_unreadable", 400],
    ["a body over the shell's limit", JSON.stringify("x".repeat(200)), "body_too_large", 413],
    ["a __proto__ key", `{"__proto__": 1}`, "body_unreadable", 400],
  ])("%s gets its own code", async (_name, body, code, status) => {
    const { url } = await start({ limits: { bodyBytesMax: 100 } });
    const response = await fetch(`${url}/v1/streams/a/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect([response.status, (await problem(response))["code"]]).toEqual([status, code]);
  });

  test("an unknown media type is 415 and a path that can't be decoded is 400", async () => {
    const { url } = await start();
    const media = await fetch(`${url}/v1/streams/a/events`, {
      method: "POST",
      body: new Blob(["x"]),
      headers: { "content-type": "image/png" },
    });
    expect([media.status, (await problem(media))["code"]]).toEqual([415, "unsupported_media_type"]);
    const path = await fetch(`${url}/v1/streams/%zz`);
    expect([path.status, (await problem(path))["code"]]).toEqual([400, "bad_request"]);
    expect(path.headers.get("x-request-id")).toBeTruthy();
  });
});

describe("routes that aren't there", () => {
  test.each(["%ff", "%zz", "%", "%C3", "%ed%a0%80"])("a query string with %s is 400", async (text) => {
    const { url } = await start();
    const response = await fetch(`${url}/livez?a=${text}`);
    expect([response.status, await response.json()]).toMatchObject([400, { code: "bad_request" }]);
    expect((await fetch(`${url}/livez?a=%C3%A9%00%2525`)).status).toBe(200);
  });

  test("an unknown path is 404 with the nearest route", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/v1/stream/flights/events`, { method: "POST" });
    expect(response.status).toBe(404);
    const body = await problem(response);
    expect(body).toMatchObject({ code: "unknown_route", nearest: "/v1/streams/{stream}/events" });
    expect(body["detail"]).toContain("/v1/streams/{stream}/events");
  });

  test("a path that is like none, and one of any length, has no suggestion", async () => {
    const { url } = await start();
    for (const path of ["/wp-login.php", `/v1/streams/${"x".repeat(5000)}`, `/${"x/".repeat(3000)}`]) {
      const response = await fetch(url + path);
      expect(response.status).toBe(404);
      expect(await problem(response)).not.toHaveProperty("nearest");
    }
  });

  test("a wrong method is 405 with Allow, whatever its body", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/v1/streams/flights/events`, {
      method: "PUT",
      body: "{",
      headers: { "content-type": "application/json" },
    });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("OPTIONS, POST");
    expect((await problem(response))["code"]).toBe("method_not_allowed");
  });

  test("OPTIONS lists the methods and HEAD answers as GET without a body", async () => {
    const { url } = await start();
    const options = await fetch(`${url}/v1/streams/flights`, { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS"]);
    const head = await fetch(`${url}/v1/streams/flights`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });
});

describe("request ids", () => {
  test("an id that isn't safe to repeat is replaced", async () => {
    const { url } = await start();
    const ids = new Set<string | null>();
    for (const id of ["has space", "x".repeat(129), `"quoted"`]) {
      const response = await fetch(`${url}/livez`, { headers: { "x-request-id": id } });
      expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      ids.add(response.headers.get("x-request-id"));
    }
    expect(ids.size).toBe(3);
  });
});

describe("the Host check", () => {
  test.each(["localhost", "LOCALHOST:1234", "127.0.0.1", "[::1]:80", "headrace.local:7070"])(
    "%s is answered",
    async (host) => {
      const { url } = await start({ hosts: ["headrace.local"] });
      expect((await withHost(`${url}/livez`, host)).status).toBe(200);
      // The second time from the list of those that were seen.
      expect((await withHost(`${url}/livez`, host)).status).toBe(200);
    },
  );

  test.each([
    "evil.example",
    "evil.example:7070",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "[::1]x",
  ])("%j is refused with 421", async (host) => {
    const { url } = await start({ hosts: [] });
    const { status, body } = await withHost(`${url}/livez`, host);
    expect([status, body["code"]]).toEqual([421, "host_not_allowed"]);
  });

  test("without it any name is answered, but a request must have one", async () => {
    const { url } = await start();
    expect((await withHost(`${url}/livez`, "evil.example")).status).toBe(200);
    const connection = await rawConnection(url);
    connection.send("GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n");
    expect(lastAnswer(await connection.closed())).toMatchObject({
      status: 400,
      body: { code: "bad_request" },
    });
  });
});

describe("connections", () => {
  test("bytes that aren't HTTP get 400, and too many headers 431", async () => {
    const { url } = await start();
    const garbage = await rawConnection(url);
    garbage.send("\u0016\u0003\u0001 hello\r\n\r\n");
    expect(lastAnswer(await garbage.closed())).toMatchObject({ status: 400, body: { code: "bad_request" } });
    const headers = await rawConnection(url);
    headers.send(`GET /livez HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
    expect(lastAnswer(await headers.closed())).toMatchObject({
      status: 431,
      body: { code: "headers_too_large" },
    });
  });

  test("headers that don't arrive in time get 408", async () => {
    const { url } = await start({ limits: { headersTimeout: 100, requestTimeout: 200, checkInterval: 20 } });
    const connection = await rawConnection(url);
    connection.send("GET /livez HTTP/1.1\r\nHost: a\r\n");
    expect(lastAnswer(await connection.closed())).toMatchObject({
      status: 408,
      body: { code: "request_timeout" },
    });
  });

  test("an answer that is being written isn't broken into when the request is too slow", async () => {
    const { url } = await start(
      { limits: { headersTimeout: 100, requestTimeout: 200, checkInterval: 20 } },
      ({ app }) => {
        app.post("/hasty", { onRequest: hasty }, async () => ({}));
      },
    );
    const connection = await rawConnection(url);
    connection.send("POST /hasty HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{");
    const text = await connection.closed();
    expect(text).toContain("a part");
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  test("connections over the limit are closed at once, and the others go on", async () => {
    const { url } = await start({ limits: { connectionsMax: 2 } });
    const first = await rawConnection(url);
    await rawConnection(url);
    const third = await rawConnection(url);
    expect(await third.closed()).toBe("");
    first.send("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(lastAnswer(await first.closed()).status).toBe(200);
  });
});

describe("listening", () => {
  test("a port in use is port_in_use", async () => {
    const other = createTcpServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(start({ port })).rejects.toMatchObject({ code: "port_in_use" });
    other.close();
  });

  test("an address that isn't this machine's is config_invalid and named", async () => {
    await expect(start({ host: "192.0.2.1" })).rejects.toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining("192.0.2.1") as string,
    });
  });

  test("an IPv6 address stands in brackets in the URL", async () => {
    const { url } = await start({ host: "::1" });
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });
});

describe("the stop", () => {
  test("what is in flight is finished, new work gets 503 and the connection closed", async () => {
    const gate = Promise.withResolvers<void>();
    let started = false;
    const { server, url } = await start({ limits: { idleGrace: 1000 } }, ({ app }) => {
      app.get("/slow", async () => {
        started = true;
        await gate.promise;
        return { slow: "done" };
      });
    });
    const kept = await rawConnection(url);
    kept.send("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    const slow = fetch(`${url}/slow`);
    await until(() => started && kept.received().includes("live"));

    const closed = server.close();
    expect(server.draining.aborted).toBe(true);
    kept.send("GET /v1/streams/a HTTP/1.1\r\nHost: a\r\n\r\n");
    const refused = await kept.closed();
    expect(lastAnswer(refused)).toMatchObject({ status: 503, body: { code: "draining" } });
    expect(refused).toMatch(/connection: close/i);
    expect((await fetch(`${url}/livez`)).status).toBe(200);

    gate.resolve();
    const answer = await slow;
    expect([answer.status, answer.headers.get("connection"), await answer.json()]).toEqual([
      200,
      "close",
      { slow: "done" },
    ]);
    await closed;
    await expect(fetch(`${url}/livez`)).rejects.toThrow("fetch failed");
  });

  test("connections that outlast the time for it are cut", async () => {
    let started = false;
    const { server, url } = await start({ limits: { drainTimeout: 100 } }, ({ app }) => {
      app.get("/never", () => {
        started = true;
        return new Promise(() => {});
      });
    });
    const never = fetch(`${url}/never`).then(
      () => "answered",
      () => "cut",
    );
    await until(() => started);
    await server.close();
    expect(await never).toBe("cut");
  });

  test("idle connections and half a request hold it up for the grace and no longer", async () => {
    const { server, url } = await start({ limits: { idleGrace: 100 } });
    const idle = await rawConnection(url);
    const half = await rawConnection(url);
    half.send("GET /livez HTTP/1.1\r\nHo");
    await fetch(`${url}/livez`);
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(2000);
    expect(await Promise.all([idle.closed(), half.closed()])).toEqual(["", ""]);
  });

  test("without a connection it takes no time", async () => {
    const { server } = await start({ limits: { idleGrace: 20_000 } });
    const before = performance.now();
    await server.close();
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe("requests that come after the stop has begun", () => {
  const get = "GET /v1/streams/a HTTP/1.1\r\nHost: a\r\n\r\n";
  const limits = { idleGrace: 5000 };

  test("are answered with 503 on a kept connection, on a silent one and on a new one, and then all are closed", async () => {
    const { server, url } = await start({ limits });
    const kept = await rawConnection(url);
    kept.send(get);
    await until(() => kept.received().includes(`{"ok":true}`));
    const silent = await rawConnection(url);
    const closed = server.close();
    // They are asked one after the other, so that the stop has gone on in between.
    for (const connection of [await rawConnection(url), silent, kept]) {
      connection.send(get);
      const text = await connection.closed();
      expect(lastAnswer(text)).toMatchObject({ status: 503, body: { code: "draining" } });
      expect(text).toMatch(/^connection: close/im);
    }
    await closed;
  });

  test("are answered on a connection whose long answer has just ended without a word of closing", async () => {
    const gate = Promise.withResolvers<void>();
    const { server, url } = await start({ limits: { idleGrace: 500 } }, ({ app }) => {
      app.get("/long", (_request, reply) => {
        reply.hijack();
        reply.raw.write("begin");
        void gate.promise.then(() => reply.raw.end("end"));
      });
    });
    const connection = await rawConnection(url);
    connection.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => connection.received().includes("begin"));
    const closed = server.close();
    const graceOver = performance.now() + 500;
    await until(() => performance.now() > graceOver);
    gate.resolve();
    await until(() => connection.received().includes("end"));
    connection.send(get);
    expect(lastAnswer(await connection.closed())).toMatchObject({ status: 503, body: { code: "draining" } });
    await closed;
  });

  test("are answered although their body is large and still being sent", async () => {
    const { server, url } = await start({ limits });
    const kept = await rawConnection(url);
    const closed = server.close();
    const body = Buffer.alloc(32 * 1024 * 1024, "x");
    kept.send(
      `POST /v1/streams/a/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    // Most clients send to the end before they look at what has come: a reset in between would hide the answer from them.
    const sent = new Promise((resolve) => kept.socket.write(body, (error) => resolve(error ?? null)));
    expect(await sent).toBeNull();
    expect(lastAnswer(await kept.closed())).toMatchObject({ status: 503, body: { code: "draining" } });
    await closed;
  });

  test("don't take the answer from one that was sent behind them on the same connection", async () => {
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const { server, url } = await start({ limits }, ({ app }) => {
      app.get("/slow", async () => {
        begun += 1;
        await gate.promise;
        return { slow: begun };
      });
    });
    const connection = await rawConnection(url);
    connection.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    await until(() => begun === 2);
    const closed = server.close();
    gate.resolve();
    const text = await connection.closed();
    expect(text.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
    expect(text.match(/^connection: close/gim)).toHaveLength(1);
    await closed;
  });
});

/** Answers a part before the body has come. */
function hasty(_request: FastifyRequest, reply: FastifyReply): void {
  reply.hijack();
  reply.raw.write("a part");
}

test("the observer hears of each answer by its route, and of a miss without one", async () => {
  const answers: unknown[] = [];
  const { url } = await start({
    observer: { answered: (method, route, status) => void answers.push([method, route, status]) },
  });
  await fetch(`${url}/v1/streams/secret-name`);
  await fetch(`${url}/nowhere`);
  await until(() => answers.length === 2);
  expect(answers).toEqual([
    ["GET", "/v1/streams/:stream", 200],
    ["GET", undefined, 404],
  ]);
});
