import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { startServer, type RunningServer } from "../../src/compose.ts";
import { loadConfig } from "../../src/config.ts";
import lax from "./lax/headrace.config.ts";

export interface ServerHere extends RunningServer {
  /** Its inside, for faults that nobody can make from outside. */
  readonly app: FastifyInstance;
}

/** A server in this process, without tokens and with small limits; a request with the header `x-fault` fails in it. */
export async function startHere(folder: string): Promise<ServerHere> {
  const apps: FastifyInstance[] = [];
  const onApp = (message: unknown): void => {
    const { fastify: app } = message as { readonly fastify: FastifyInstance };
    app.addHook("preHandler", async ({ headers }) => {
      if (headers["x-fault"] !== undefined) throw new Error("a fault that the test made");
    });
    // How often connections are held against the timeouts is read when the server begins to listen.
    Object.assign(app.server, { connectionsCheckingInterval: 100 });
    apps.push(app);
  };
  subscribe("fastify.initialization", onApp);
  const env = {
    HEADRACE_PORT: "0",
    HEADRACE_DATA: join(folder, "data"),
    HEADRACE_QUERIES_MAX: "2",
    HEADRACE_SQL_TIME: "1s",
    HEADRACE_SQL_ROWS: "100",
    HEADRACE_INGEST_BODY_MAX: "512KiB",
    HEADRACE_INGEST_IN_FLIGHT_MAX: "1MiB",
  };
  const config = loadConfig({ projectFolder: folder, env });
  const server = await startServer({ project: lax, config, logger: pino({ level: "silent" }) });
  unsubscribe("fastify.initialization", onApp);
  const [app] = apps;
  if (app === undefined) throw new Error("the server has told nobody of its inside");
  return { ...server, app };
}
