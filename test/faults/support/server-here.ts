import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { startServer, type RunningServer } from "../../../src/compose.ts";
import { loadConfig } from "../../../src/config.ts";
import { loadProject } from "../../../src/project/load-project.ts";

/** A whole server in this process, so that its engine can be reached past it. */
export interface ServerHere extends RunningServer {
  /** The store's part of the data folder. */
  readonly store: string;
  /** The lines of the server's own log so far. */
  readonly lines: readonly LogLine[];
}

export interface LogLine {
  readonly time: number;
  readonly msg: string;
  readonly stream?: string;
  readonly reason?: string;
  readonly attempt?: number;
}

/** @param env Settings, as in the environment. */
export async function startServerHere(
  projectFolder: string,
  data: string,
  env: Readonly<Record<string, string>>,
): Promise<ServerHere> {
  const lines: LogLine[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as LogLine);
      done();
    },
  });
  const project = await loadProject(projectFolder);
  const config = loadConfig({ projectFolder, flags: { port: "0", data }, env });
  const server = await startServer({ project, config, logger: pino({ base: null }, sink) });
  return { ...server, store: join(config.dataFolder, "store"), lines };
}
