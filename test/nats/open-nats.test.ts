import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { connectNats } from "../../src/nats/connect.ts";
import { openNats } from "../../src/nats/open-nats.ts";
import { parseNatsUrl } from "../../src/nats/nats-url.ts";
import { freePort } from "../support/free-port.ts";
import { NATS_PASSWORD, natsMissing, startNatsServer } from "../support/nats-server.ts";
import { until } from "../support/until.ts";

const SHORT = 300;

describe.skipIf(natsMissing() !== undefined)("the connection to NATS", () => {
  test("is by TLS and a password when the server wants that, and else refused without telling the password", async () => {
    await using opened = new AsyncDisposableStack();
    const server = await startNatsServer({ tls: true, users: true });
    opened.defer(() => server.remove());
    const nats = await connectNats(server.url("prefix=mine"), "airport");
    expect(nats?.prefix).toBe("mine");
    expect(nats?.connected()).toBe(true);
    await nats?.close();
    await nats?.close();
    expect(nats?.connected()).toBe(false);

    const wrong = parseNatsUrl(`tls://headrace:wrong@127.0.0.1:${server.port}/?ca=${server.ca}`);
    await expect(openNats(wrong, "airport", {}, SHORT)).rejects.toMatchObject({ code: "config_invalid" });
    const untrusted = parseNatsUrl(
      `tls://headrace:${encodeURIComponent(NATS_PASSWORD)}@127.0.0.1:${server.port}`,
    );
    const refusal = await openNats(untrusted, "airport", {}, SHORT).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "log_unreachable" });
    expect(String(refusal)).not.toContain(NATS_PASSWORD);
    const missing = parseNatsUrl(`tls://127.0.0.1:${server.port}/?ca=/no/such/file`);
    await expect(openNats(missing, "airport", {}, SHORT)).rejects.toMatchObject({ code: "config_invalid" });
  });

  test("says when it is lost and back, and goes on by itself", async () => {
    await using opened = new AsyncDisposableStack();
    const server = await startNatsServer();
    opened.defer(() => server.remove());
    const told: string[] = [];
    const nats = await openNats(parseNatsUrl(server.url()), "airport", {
      disconnected: (at) => told.push(`lost ${at}`),
      reconnected: (at) => told.push(`back ${at}`),
    });
    opened.defer(() => nats.close());
    expect(nats.prefix).toBe("airport");
    await server.kill();
    await until(() => !nats.connected());
    await server.start();
    await until(() => nats.connected());
    const at = `127.0.0.1:${server.port}`;
    expect(told).toEqual([`lost ${at}`, `back ${at}`]);
    expect((await nats.manager.getAccountInfo()).streams).toBe(0);
  });

  test("is refused by a server without JetStream, and where nobody listens", async () => {
    await using opened = new AsyncDisposableStack();
    const server = await startNatsServer({ jetstream: false });
    opened.defer(() => server.remove());
    await expect(openNats(parseNatsUrl(server.url()), "airport", {}, SHORT)).rejects.toMatchObject({
      code: "log_unreachable",
      message: expect.stringContaining("JetStream") as unknown,
    });
    const nobody = parseNatsUrl(`nats://127.0.0.1:${await freePort()}`);
    await expect(openNats(nobody, "airport", {}, SHORT)).rejects.toMatchObject({ code: "log_unreachable" });
    await expect(openNats(nobody, "air port", {}, SHORT)).rejects.toMatchObject({ code: "config_invalid" });
  });

  test("goes to another server when JetStream of this one doesn't answer for seconds", async () => {
    await using opened = new AsyncDisposableStack();
    const servers = await Promise.all([startNatsServer(), startNatsServer()]);
    for (const server of servers) opened.defer(() => server.remove());
    const url = `nats://${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
    const nats = await openNats(parseNatsUrl(url), "airport");
    opened.defer(() => nats.close());
    const before = nats.connection.getServer();
    await until(
      () => {
        nats.unanswered();
        return nats.connected() && nats.connection.getServer() !== before;
      },
      { timeout: 20_000 },
    );
    nats.answered();
    expect((await nats.manager.getAccountInfo()).streams).toBe(0);
  });

  test("reads a credentials file when it connects", async () => {
    await using opened = new AsyncDisposableStack();
    const server = await startNatsServer();
    opened.defer(() => server.remove());
    const missing = parseNatsUrl(`${server.url()}creds=/no/such/file`);
    await expect(openNats(missing, "airport", {}, SHORT)).rejects.toMatchObject({ code: "config_invalid" });
    const path = `${server.folder}/me.creds`;
    await writeFile(path, "no credentials");
    const broken = parseNatsUrl(`${server.url()}creds=${path}`);
    await expect(openNats(broken, "airport", {}, SHORT)).rejects.toMatchObject({ code: "log_unreachable" });
  });
});

test("of another URL there is none", async () => {
  expect(await connectNats("file:", "airport")).toBeUndefined();
});

test("a server that speaks another protocol is told as unreachable", async () => {
  const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await expect(
    openNats(parseNatsUrl(`nats://127.0.0.1:${port}`), "airport", {}, SHORT),
  ).rejects.toMatchObject({
    code: "log_unreachable",
  });
  server.close();
});
