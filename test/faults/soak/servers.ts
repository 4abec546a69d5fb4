import { join } from "node:path";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";

const PROJECT = join(import.meta.dirname, "project");
/** So that memory is full soon, and old segments are dropped. */
const ENV = {
  HEADRACE_KEYS_MAX: "5000",
  HEADRACE_LOG_RETENTION_SIZE: "64MiB",
  HEADRACE_LOG_SEGMENT_SIZE: "8MiB",
};

/** The servers of one data folder, one after the other. */
export class Servers {
  readonly #data: string;
  readonly problems: string[] = [];
  current: ServerProcess | undefined;

  constructor(data: string) {
    this.#data = data;
  }

  get url(): string {
    return this.current?.url ?? "";
  }

  async start(): Promise<void> {
    this.current = await startServerProcess({ project: PROJECT, data: this.#data, env: ENV });
  }

  async restart(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const server = this.current;
    this.current = undefined;
    const code = await server?.stop(signal);
    if (signal === "SIGTERM" && code !== 0) this.problems.push(`a stop ended with ${code}`);
  }
}
