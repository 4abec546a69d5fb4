import { pino } from "pino";
import { Counter, Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { registerHealth, type Readiness, type StoreState } from "../../src/http/health.ts";
import { createServer, type HttpServer } from "../../src/http/server.ts";
import type { LoadStatus } from "../../src/load/load.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../src/log/log.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { SimulatedDisk } from "../support/simulated-disk.ts";
import { until } from "../support/until.ts";
import { ROLES } from "../../src/roles.ts";

const STREAMS = ["flights", "clicks"].map((name) =>
  defineStream(name, { schema: z.object({ n: z.int32() }), id: "n", table: { orderBy: ["n"] } }),
);

let disk: SimulatedDisk;
let log: Log;
let server: HttpServer;
let url: string;
let store: StoreState;
let load: Partial<LoadStatus>;
const registry = new Registry();
new Counter({ name: "tried_total", help: "For the test.", registers: [registry] }).inc(3);

beforeEach(async () => {
  disk = new SimulatedDisk(1);
  log = await openEmbeddedLog({ folder: "/log", streams: STREAMS, fileSystem: disk });
  store = { ready: true };
  load = {};
  server = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { idleGrace: 0 },
  });
  registerHealth(server.app, {
    streams: STREAMS,
    roles: new Set(ROLES),
    log,
    loader: {
      status: () => ({ state: "running", lagEvents: 0, lagAge: 0, loaded: { log: "", offset: 0 }, ...load }),
    },
    store: () => store,
    draining: server.draining,
    registry,
  });
  url = await server.listen();
});
afterEach(async () => {
  await server.close();
  await log.close();
});

async function readyz(): Promise<{ status: number; body: Readiness }> {
  const response = await fetch(`${url}/readyz`);
  return { status: response.status, body: (await response.json()) as Readiness };
}

function append(key: string): Promise<unknown> {
  const none = { count: 0, bytes: [] };
  return log.append("flights", {
    acceptedAt: Date.now(),
    events: { count: 1, bytes: [Buffer.from(`{"n":1}\n`)] },
    rejected: none,
    key: { key, bodyHash: "h", answer: "{}" },
  });
}

test("/livez answers as long as the process does", async () => {
  store = { ready: false };
  const response = await fetch(`${url}/livez`);
  expect([response.status, await response.json()]).toEqual([200, { status: "live" }]);
});

test("/readyz is 200 with the state of each part: log, keys, loader with its lag, store", async () => {
  await append("a");
  load = { state: "retrying", lagEvents: 12, lagAge: 1500, reason: "disk is slow" };
  const { status, body } = await readyz();
  expect(status).toBe(200);
  expect(body).toMatchObject({ ready: true, draining: false, store: { ready: true } });
  expect(Object.keys(body.streams)).toEqual(["flights", "clicks"]);
  expect(body.streams["flights"]).toMatchObject({
    ready: true,
    log: [{ partition: 0, writable: true, first_offset: 0, end_offset: 1, keys: 1 }],
    load: { state: "retrying", lag_events: 12, lag_seconds: 1.5, reason: "disk is slow" },
  });
  expect(body.streams["flights"]?.log[0]?.bytes).toBeGreaterThan(0);
  expect(body.streams["flights"]?.log[0]?.key_window_seconds).toBeGreaterThanOrEqual(0);
});

test.each([["reconciling"], ["stopped"]] as const)("/readyz is 503 while the loader is %s", async (state) => {
  load = { state };
  expect(await readyz()).toMatchObject({
    status: 503,
    body: { ready: false, streams: { clicks: { ready: false } } },
  });
});

test("/readyz is 503 when the store isn't ready, and says why", async () => {
  store = { ready: false, reason: "no answer" };
  expect(await readyz()).toMatchObject({
    status: 503,
    body: { ready: false, store: { reason: "no answer" } },
  });
});

test("/readyz is 503 when a stream's log can't be written, and says which and why", async () => {
  disk.fault = ({ name }) => (name === "sync" ? "EIO" : undefined);
  await expect(append("a")).rejects.toMatchObject({ code: "log_failed" });
  const { status, body } = await readyz();
  expect([status, body.ready, body.streams["flights"]?.ready, body.streams["clicks"]?.ready]).toEqual([
    503,
    false,
    false,
    true,
  ]);
  expect(body.streams["flights"]?.log[0]?.reason).toContain("EIO");
});

test("/readyz is 503 while draining, and still answers", async () => {
  const gate = Promise.withResolvers<void>();
  const other = createServer({
    logger: pino({ level: "silent" }),
    host: "127.0.0.1",
    port: 0,
    limits: { idleGrace: 0 },
  });
  let started = false;
  other.app.get("/slow", async () => {
    started = true;
    await gate.promise;
    return {};
  });
  registerHealth(other.app, {
    streams: [],
    roles: new Set(ROLES),
    log,
    loader: { status: () => ({ state: "running", lagEvents: 0, lagAge: 0, loaded: { log: "", offset: 0 } }) },
    store: () => ({ ready: true }),
    draining: other.draining,
    registry,
  });
  const address = await other.listen();
  expect((await fetch(`${address}/readyz`)).status).toBe(200);
  const inFlight = fetch(`${address}/slow`);
  await until(() => started);
  const closing = other.close();
  const response = await fetch(`${address}/readyz`);
  expect([response.status, await response.json()]).toMatchObject([503, { ready: false, draining: true }]);
  gate.resolve();
  expect((await inFlight).status).toBe(200);
  await closing;
});

test("/metrics has Prometheus's text format", async () => {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("content-type")).toBe(registry.contentType);
  expect(await response.text()).toContain("tried_total 3\n");
});
