import { createClient } from "@clickhouse/client";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { startServer, type RunningServer } from "../../../src/compose.ts";
import { loadConfig } from "../../../src/config.ts";
import { defineProject } from "../../../src/project/define-project.ts";
import { defineStream } from "../../../src/project/define-stream.ts";

// The whole server with HEADRACE_CLICKHOUSE_PORT set: what is sent to the one port is read at the other.

const clicks = defineStream("clicks", {
  description: "One row per click",
  schema: z.object({ page: z.string(), ms: z.int32() }),
  table: { orderBy: ["page"] },
});
const project = defineProject({ name: "shop", streams: [clicks], endpoints: [] });

let folder: string;
let server: RunningServer;

function start(env: Readonly<Record<string, string>>): Promise<RunningServer> {
  const flags = { port: "0", data: join(folder, "data") };
  const config = loadConfig({ projectFolder: folder, flags, env });
  return startServer({ project, config, logger: pino({ level: "silent" }) });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-clickhouse-port-"));
  server = await start({ HEADRACE_CLICKHOUSE_PORT: "0" });
  await server.ready;
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function sendClicks(events: readonly object[]): Promise<number> {
  const response = await fetch(`${server.url}/v1/streams/clicks/events?wait=stored`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(events),
  });
  return response.status;
}

test("events that were sent are rows for ClickHouse's client", async () => {
  expect(
    await sendClicks([
      { page: "/", ms: 12 },
      { page: "/cart", ms: 30 },
    ]),
  ).toBe(200);
  const client = createClient({ url: server.clickhouseUrl ?? "", database: "shop" });
  try {
    const result = await client.query({
      query: "SELECT page, ms FROM shop.clicks WHERE ms > {ms:Int32} ORDER BY page",
      query_params: { ms: 20 },
      format: "JSONEachRow",
    });
    expect(await result.json()).toEqual([{ page: "/cart", ms: 30 }]);
    expect(result.response_headers["x-clickhouse-server-display-name"]).toBe("shop");
  } finally {
    await client.close();
  }
});

test("its requests are in the metrics", async () => {
  await (await fetch(`${server.clickhouseUrl}/?query=SELECT+nope`)).text();
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(
    /headrace_http_request_duration_seconds_count\{[^}]*route="\/"[^}]*status="404"[^}]*\} [1-9]/,
  );
});

test("what the other port serves isn't there, and the other way round", async () => {
  expect((await fetch(`${server.clickhouseUrl}/v1/streams`)).status).toBe(404);
  expect((await fetch(`${server.url}/?query=SELECT+1`)).status).toBe(404);
});

test("a port that is taken is refused before anything is opened", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => void taken.once("listening", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    await expect(start({ HEADRACE_CLICKHOUSE_PORT: String(port) })).rejects.toMatchObject({
      code: "port_in_use",
    });
  } finally {
    taken.close();
  }
});

test("what Kubernetes says of a service of that name isn't taken for a setting", () => {
  const env = {
    HEADRACE_CLICKHOUSE_PORT: "tcp://10.0.0.1:8123",
    HEADRACE_CLICKHOUSE_SERVICE_HOST: "10.0.0.1",
    HEADRACE_CLICKHOUSE_PORT_8123_TCP: "tcp://10.0.0.1:8123",
  };
  expect(loadConfig({ projectFolder: folder, env }).clickhousePort).toBeUndefined();
  expect(() => loadConfig({ projectFolder: folder, env: { HEADRACE_CLICKHOUSE_PORT: "x" } })).toThrow(
    /integer/,
  );
});
