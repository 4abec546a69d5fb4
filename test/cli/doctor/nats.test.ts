import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { examineNats } from "../../../src/cli/doctor/nats.ts";
import { freePort } from "../../support/free-port.ts";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { batchOf, SCHEMA } from "../../log/contract.ts";
import { openOwnLog } from "../../log/nats/log-under-test.ts";

const states = (findings: Awaited<ReturnType<typeof examineNats>>): string[] =>
  findings.map(({ check, state }) => `${check} ${state}`);

describe.skipIf(natsMissing() !== undefined)("doctor looks at the log on NATS", () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNatsServer({ users: true });
  }, 60_000);
  afterAll(() => server.remove());

  test("and warns of one replica whose server may not sync", async () => {
    const findings = await examineNats(server.url(), "airport", ["flights"]);
    expect(states(findings)).toEqual([
      "log.nats ok",
      "log.nats_payload ok",
      "log.nats_durability warning",
      "log.nats_stream ok",
      "log.nats_stream ok",
    ]);
    expect(findings[2]?.advice).toContain("sync_interval: always");
    expect(findings[4]?.found).toContain("isn't there yet");
    expect(JSON.stringify(findings)).not.toContain("s3cret");
  });

  test("and tells what is there, and that fewer replicas are there than configured", async () => {
    const own = await openOwnLog(server.url("prefix=airport"), {
      streams: [{ name: "flights", schema: SCHEMA }],
    });
    await own.log.append("flights", batchOf("a"));
    await own.close();
    expect((await examineNats(server.url(), "airport", ["flights"])).at(-1)).toMatchObject({
      state: "ok",
      values: { stream: "airport-log-flights", messages: 1, replicas: 1, lagging: 0 },
    });
    const findings = await examineNats(server.url("replicas=3"), "airport", ["flights"]);
    expect(states(findings)).toContain("log.nats_durability ok");
    expect(findings.at(-1)).toMatchObject({ state: "warning", advice: "The next start raises them." });
  });

  test("and says when nobody answers or messages must be too small", async () => {
    const nobody = await examineNats(`nats://127.0.0.1:${await freePort()}`, "airport", undefined);
    expect(states(nobody)).toEqual(["log.nats problem"]);
    const small = await startNatsServer({ config: "max_payload: 64KB" });
    try {
      const findings = await examineNats(small.url(), "airport", undefined);
      expect(states(findings)).toContain("log.nats_payload problem");
    } finally {
      await small.remove();
    }
  });
});
