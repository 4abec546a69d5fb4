import { afterAll, beforeAll, describe } from "vitest";
import { natsMissing, startNatsServer, type NatsServer } from "../../support/nats-server.ts";
import { describeLogContract } from "../contract.ts";
import { natsLogUnderTest } from "./log-under-test.ts";

describe.skipIf(natsMissing() !== undefined)("the log on NATS JetStream", () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNatsServer();
  }, 60_000);
  afterAll(async () => {
    await server.remove();
  });

  describeLogContract("the log on one server", () =>
    natsLogUnderTest(() => server.url(), { clock: () => 1_700_000_000_000 }),
  );
});
