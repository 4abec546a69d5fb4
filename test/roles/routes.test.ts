import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type RunningServer } from "../../src/compose.ts";
import { loadConfig } from "../../src/config.ts";
import { ROLE_ROUTES } from "../../src/http/role-routes.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../support/nats-server.ts";
import project from "./project/headrace.config.ts";

/** Sends an event with a key. */
async function sendKeyed(url: string): Promise<unknown> {
  const response = await fetch(`${url}/v1/streams/plain/events`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": "once" },
    body: JSON.stringify({ n: 1, writer: "w", at: "2024-01-01T00:00:00Z", big: 1, text: "" }),
  });
  return [response.status, response.headers.get("idempotency-replayed"), await response.json()];
}

const OWN = ["GET /livez", "GET /readyz", "GET /metrics"];

describe.skipIf(natsMissing() !== undefined)("the routes of a role", () => {
  let nats: NatsServer;
  let folder: string;
  beforeAll(async () => {
    nats = await startNatsServer();
    folder = await mkdtemp(join(tmpdir(), "headrace-roles-"));
  });
  afterAll(async () => {
    await nats.remove();
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts a server in this process, and gives the routes that it has. */
  async function start(env: Record<string, string>): Promise<RunningServer & { routes: string[] }> {
    const routes: string[] = [];
    const onApp = (message: unknown): void => {
      const { fastify } = message as { readonly fastify: FastifyInstance };
      fastify.addHook("onRoute", ({ method, url }) => {
        for (const one of [method].flat()) if (one !== "HEAD") routes.push(`${one} ${url}`);
      });
    };
    subscribe("fastify.initialization", onApp);
    try {
      const sources = { HEADRACE_PORT: "0", HEADRACE_DATA: join(folder, "data"), ...env };
      const config = loadConfig({ projectFolder: folder, env: sources });
      const server = await startServer({ project, config, logger: pino({ level: "silent" }) });
      return { ...server, routes };
    } finally {
      unsubscribe("fastify.initialization", onApp);
    }
  }

  test("are, of all roles together, those of a process that has them all", async () => {
    const server = await start({});
    try {
      const listed = ROLE_ROUTES.map(([, method, url]) => `${method} ${url}`);
      expect([...new Set(server.routes)].sort()).toEqual([...listed, ...OWN].sort());
    } finally {
      await server.close();
    }
  });

  test("to ingest need neither store nor loader, and each of the others says who has it", async () => {
    const server = await start({ HEADRACE_ROLES: "ingest", HEADRACE_LOG_URL: nats.url() });
    try {
      const ready = await server.ready;
      expect(ready).toMatchObject({ ready: true, roles: ["ingest"] });
      expect(ready.store).toBeUndefined();
      expect(ready.streams["plain"]?.load.reason).toMatch(/no process loads/);
      for (const [role, method, url] of ROLE_ROUTES) {
        const path = url.replace(":stream", "plain").replace(":endpoint", "count_plain");
        const headers = { "content-type": "application/x-ndjson" };
        const body = method === "POST" ? { body: "{}\n", headers } : {};
        const response = await fetch(`${server.url}${path}`, { method, ...body });
        const { code, role: other } = (await response.json()) as { code: string; role?: string };
        const elsewhere = [404, "role_elsewhere", role];
        expect([response.status, code, other]).toEqual(
          role === "ingest" ? [422, "events_rejected", undefined] : elsewhere,
        );
      }
      const missing = await fetch(`${server.url}/v1/nothing`);
      expect(await missing.json()).toMatchObject({ code: "unknown_route" });
      expect((await fetch(`${server.url}/metrics`)).status).toBe(200);
    } finally {
      await server.close();
    }
  });

  test("with too many events waiting to be loaded, a process that only takes them refuses more", async () => {
    const server = await start({
      HEADRACE_ROLES: "ingest",
      HEADRACE_LOG_URL: nats.url("prefix=lag"),
      HEADRACE_INGEST_LAG_MAX: "2",
    });
    try {
      const event = { n: 1, writer: "w", at: "2024-01-01T00:00:00Z", big: 1, text: "" };
      const send = (): Promise<Response> =>
        fetch(`${server.url}/v1/streams/plain/events`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify([event, event, event]),
        });
      expect((await send()).status).toBe(202);
      const refused = await send();
      expect([refused.status, await refused.json()]).toMatchObject([429, { code: "overloaded" }]);
    } finally {
      await server.close();
    }
  });

  test("the same Idempotency-Key at two processes counts once, with the first answer for both", async () => {
    const env = { HEADRACE_ROLES: "ingest", HEADRACE_LOG_URL: nats.url("prefix=keys") };
    const one = await start(env);
    const two = await start({ ...env, HEADRACE_DATA: join(folder, "other") });
    try {
      const answer = { accepted: 1, rejected: 0, errors: [] };
      expect(await sendKeyed(one.url)).toEqual([202, null, answer]);
      expect(await sendKeyed(two.url)).toEqual([202, "true", answer]);
      const { streams } = (await (await fetch(`${two.url}/readyz`)).json()) as {
        streams: Record<string, { log: { end_offset: number }[] }>;
      };
      expect(streams["plain"]?.log[0]?.end_offset).toBe(1);
    } finally {
      await Promise.all([one.close(), two.close()]);
    }
  });
});
