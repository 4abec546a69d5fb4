import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { runHttpLoad } from "../../bench/load/http-load.ts";
import type { PostJob } from "../../bench/load/job.ts";

const stack: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of stack.splice(0).reverse()) await close();
});

async function listen(listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

async function job(port: number, events: number): Promise<PostJob> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-generator-"));
  stack.push(() => rm(folder, { recursive: true }));
  const file = join(folder, "lines.ndjson");
  await writeFile(file, Array.from({ length: 50 }, (_, row) => `{"id":"00000-${row + 10}"}\n`).join(""));
  return {
    kind: "post",
    port,
    paths: ["/events"],
    lines: { file, count: 50, passAt: '{"id":"'.length },
    eventsPerRequest: 5,
    contentType: "application/x-ndjson",
    connections: 3,
    pass: 0,
    until: { events },
  };
}

describe("the load generator", () => {
  test("sends every event once, each request with a key of its own, and counts the answers", async () => {
    const keys = new Set<unknown>();
    const ids = new Set<string>();
    const port = await listen((request, response) => {
      keys.add(request.headers["idempotency-key"]);
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        for (const line of body.trimEnd().split("\n")) ids.add(line);
        response.writeHead(202).end("{}");
      });
    });
    const result = await runHttpLoad(await job(port, 100), () => {});
    expect(result).toMatchObject({ requests: 20, events: 100, statuses: { 202: 20 } });
    expect(result.failure).toBeUndefined();
    expect([keys.size, ids.size]).toEqual([20, 100]);
  });

  test("answers in chunks, in pieces and without a body are each one answer", async () => {
    let count = 0;
    const port = await listen((request, response) => {
      request.resume().on("end", () => {
        const way = count++ % 3;
        if (way === 0) response.writeHead(200, { "content-length": "0" }).end();
        else {
          // Without a length Node answers in chunks.
          response.write("a".repeat(way === 1 ? 10 : 200_000));
          setImmediate(() => response.end("the end"));
        }
      });
    });
    const result = await runHttpLoad(await job(port, 100), () => {});
    expect(result).toMatchObject({ requests: 20, statuses: { 200: 20 } });
  });

  test("an overloaded server gets the same request again, another refusal is told", async () => {
    let count = 0;
    const bodies: string[] = [];
    const port = await listen((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        bodies.push(body);
        const status = count++ === 0 ? 429 : bodies.length === 5 ? 500 : 202;
        response.writeHead(status).end(`status ${status}`);
      });
    });
    const result = await runHttpLoad({ ...(await job(port, 50)), connections: 1 }, () => {});
    expect(bodies[1]).toBe(bodies[0]);
    expect(result.statuses).toEqual({ 429: 1, 500: 1, 202: 9 });
    expect(result.failure).toContain("status 500");
  });

  test("an answer with rejected events is a failure", async () => {
    const port = await listen((request, response) => {
      request
        .resume()
        .on("end", () => response.writeHead(202).end('{"accepted":4,"rejected":1,"errors":[]}'));
    });
    const work = await job(port, 50);
    const result = await runHttpLoad(work, () => {});
    expect(result.requests).toBe(0);
    expect(result.failure).toContain('"rejected":1');
  });

  test("at a rate, what waits for a slow server counts from when it was due", async () => {
    const port = await listen((request, response) => {
      request.resume().on("end", () => setTimeout(() => response.writeHead(202).end(), 40));
    });
    // A request each 5 ms, and one connection that answers each 40 ms: the tenth waits for some 350 ms.
    const work = { ...(await job(port, 50)), connections: 1, rate: 1_000 };
    const { latency, seconds } = await runHttpLoad(work, () => {});
    expect(seconds).toBeGreaterThan(0.38);
    expect(latency.max).toBeGreaterThan(200);
  });

  test("at a rate, a request that isn't answered in time counts with the time that it has waited", async () => {
    let count = 0;
    const port = await listen((request, response) => {
      // The first is answered, surely after the count of them has begun, and no other.
      const answer = (): unknown => setTimeout(() => response.writeHead(202).end(), 20);
      request.resume().on("end", () => (count++ === 0 ? answer() : undefined));
    });
    const until = { seconds: 0.5, warmup: 0 };
    const work = { ...(await job(port, 50)), connections: 2, rate: 1_000, until };
    const { requests, latency } = await runHttpLoad(work, () => {});
    expect(requests).toBe(1);
    expect(latency.max).toBeGreaterThan(250);
  });
});
