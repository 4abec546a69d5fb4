import { fork, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault, FromServer, ServerArguments } from "./clickhouse/messages.ts";
import { until } from "./until.ts";

export type { Fault };

const PROGRAM = join(import.meta.dirname, "clickhouse/serve.ts");
const PASSWORD = "s3cret/of:the@tests é";
const START_DEADLINE = 60_000;

/**
 * A server that speaks ClickHouse's HTTP protocol and has the embedded engine behind it, in a process of its own with a
 * temporary folder. It shows SQL, types, formats, errors and what a client does when answers get lost; it is no cluster.
 */
export interface ClickHouseServer {
  readonly port: number;
  /** For `HEADRACE_STORE_URL`; `more` is behind the `?`. */
  url(more?: string, database?: string): string;
  /** The certificate that it proves itself with. */
  readonly certificate: string | undefined;
  /** Runs one statement and gives the answer's text. */
  run(sql: string, queryId?: string): Promise<string>;
  /** What is done to the next requests that it is for. */
  fault(fault: Fault): Promise<void>;
  /** How many faults were done so far. */
  faulted(): Promise<number>;
  /** Ends the process at once. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  remove(): Promise<void>;
}

export const CLICKHOUSE_PASSWORD = PASSWORD;

export async function startClickHouse(options: { readonly tls?: boolean } = {}): Promise<ClickHouseServer> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-ch-"));
  const server = new Server(folder, options.tls === true ? makeCertificate(folder) : undefined);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.remove();
    throw error;
  }
}

class Server implements ClickHouseServer {
  port = 0;
  readonly certificate: string | undefined;
  readonly #folder: string;
  readonly #key: string | undefined;
  #child: ChildProcess | undefined;

  constructor(folder: string, tls: { readonly key: string; readonly certificate: string } | undefined) {
    this.#folder = folder;
    this.#key = tls?.key;
    this.certificate = tls?.certificate;
  }

  url(more = "", database = "headrace_test"): string {
    const scheme = this.certificate === undefined ? "clickhouse" : "clickhouses";
    const login = `headrace:${encodeURIComponent(PASSWORD)}`;
    return `${scheme}://${login}@127.0.0.1:${this.port}/${database}${more === "" ? "" : `?${more}`}`;
  }

  async start(): Promise<void> {
    const { certificate, port } = this;
    const given: ServerArguments = {
      folder: this.#folder,
      port,
      user: "headrace",
      password: PASSWORD,
      ...(certificate === undefined || this.#key === undefined
        ? {}
        : { tls: { certificate, key: this.#key } }),
    };
    const child = fork(PROGRAM, [JSON.stringify(given)], {
      execArgv: ["--conditions=headrace-source"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: { ...process.env, UV_THREADPOOL_SIZE: "48" },
    });
    this.#child = child;
    let output = "";
    child.stderr?.on("data", (bytes: Buffer) => (output = `${output}${bytes.toString()}`.slice(-4_000)));
    child.on("message", (message: FromServer) => {
      if (message.kind === "listening") this.port = message.port;
      else this.#faulted = message.count;
    });
    let listening = false;
    child.once("message", () => (listening = true));
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`the server ended:\n${output}`);
        return listening;
      },
      { timeout: START_DEADLINE },
    );
  }

  run(sql: string, queryId = ""): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const options = {
      host: "127.0.0.1",
      port: this.port,
      method: "POST",
      path: `/?wait_end_of_query=1${queryId === "" ? "" : `&query_id=${encodeURIComponent(queryId)}`}`,
      headers: { authorization: `Basic ${Buffer.from(`headrace:${PASSWORD}`).toString("base64")}` },
      rejectUnauthorized: false,
    };
    const send = this.certificate === undefined ? plainRequest : tlsRequest;
    const request = send(options, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
      answer.on("error", reject);
      answer.on("end", () => (answer.statusCode === 200 ? resolve(text.trim()) : reject(new Error(text))));
    });
    request.on("error", reject);
    request.end(sql);
    return promise;
  }

  async fault(fault: Fault): Promise<void> {
    this.#child?.send(fault);
    // What comes by HTTP must not overtake it.
    const before = this.#asked;
    this.#child?.send({ kind: "count" });
    await until(() => this.#asked > before);
  }

  #asked = 0;
  #count = 0;
  set #faulted(count: number) {
    this.#count = count;
    this.#asked += 1;
  }

  async faulted(): Promise<number> {
    const before = this.#asked;
    this.#child?.send({ kind: "count" });
    await until(() => this.#asked > before);
    return this.#count;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** For 127.0.0.1, signed by itself. Gives the files. */
function makeCertificate(folder: string): { readonly key: string; readonly certificate: string } {
  const [key, certificate] = [join(folder, "server.key"), join(folder, "server.crt")];
  const made = spawnSync(
    "openssl",
    `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${certificate}`.split(
      " ",
    ),
    { encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`openssl failed:\n${made.stderr}`);
  readFileSync(certificate);
  return { key, certificate };
}
