import { once } from "node:events";
import { createServer } from "node:net";
import { Writable } from "node:stream";
import { runServer, type RunningServer } from "../../../src/cli/dev/run-server.ts";

const PROJECT = `${import.meta.dirname}/..`;
/** Lines of the server's log that are shown when it ends by itself. */
const LOG_LINES_SHOWN = 20;

export interface DemoServer {
  readonly url: string;
  readonly stop: () => Promise<void>;
  /** Rejects when the server ends without having been asked to. */
  readonly died: Promise<never>;
}

/** Starts `headrace start` with this example in a process of its own. */
export async function startDemoServer(options: {
  readonly port: string;
  readonly data: string;
}): Promise<DemoServer> {
  const lines: string[] = [];
  const log = new Writable({
    write(chunk, _encoding, done) {
      lines.push(...String(chunk).trimEnd().split("\n"));
      lines.splice(0, lines.length - LOG_LINES_SHOWN);
      done();
    },
  });
  const { promise: ready, resolve } = Promise.withResolvers<string>();
  const server: RunningServer = runServer(
    ["--project", PROJECT, "--port", options.port, "--data", options.data],
    { stdin: process.stdin, stdout: log, stderr: log },
    ({ url }) => resolve(url),
  );
  let stopping = false;
  const died = server.ended.then((code): never | Promise<never> => {
    if (stopping) return new Promise<never>(() => {});
    throw new Error(`the server ended with exit code ${code}:\n${lines.join("\n")}`);
  });
  const url = await Promise.race([ready, died]);
  return {
    url,
    died,
    stop: () => {
      stopping = true;
      return server.stop();
    },
  };
}

/** The wished port when it is free, else "0": any. */
export async function portOrAny(port: number): Promise<string> {
  const probe = createServer();
  try {
    probe.listen(port, "127.0.0.1");
    await once(probe, "listening");
    return String(port);
  } catch {
    return "0";
  } finally {
    probe.close();
  }
}
