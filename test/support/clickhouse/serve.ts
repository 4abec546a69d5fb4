import { readFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { Engine } from "./engine.ts";
import { Handler } from "./handler.ts";
import type { FromServer, ServerArguments, ToServer } from "./messages.ts";

/** As much as ClickHouse takes. */
const HEAD_BYTES_MAX = 2 * 1024 * 1024;

const given = JSON.parse(process.argv[2] ?? "{}") as ServerArguments;
const engine = await Engine.open(given.folder);
const handler = new Handler(engine, given);
const options = { maxHeaderSize: HEAD_BYTES_MAX, keepAliveTimeout: 10_000, keepAlive: true };
const listener = handler.listener();
const server =
  given.tls === undefined
    ? createPlainServer(options, listener)
    : createTlsServer(
        { ...options, key: readFileSync(given.tls.key), cert: readFileSync(given.tls.certificate) },
        listener,
      );
const tell = (message: FromServer): void => void process.send?.(message);

process.on("message", (message: ToServer) => {
  if (message.kind === "count") tell({ kind: "faulted", count: handler.faulted });
  else handler.fault(message);
});
// Whoever started it has gone.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
server.listen(given.port, "127.0.0.1", () => {
  const address = server.address();
  tell({ kind: "listening", port: typeof address === "object" && address !== null ? address.port : 0 });
});
