import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openNats } from "../../src/nats/open-nats.ts";
import { parseNatsUrl } from "../../src/nats/nats-url.ts";
import { freePort } from "./free-port.ts";
import { makeNetwork, type Network } from "./network-namespaces.ts";
import { until } from "./until.ts";

const INSTALL = join(import.meta.dirname, "../../scripts/install-nats.sh");
const INSTALL_TIMEOUT = 600_000;
/** How long a server or a cluster may take until JetStream answers, in milliseconds. */
const START_TIMEOUT = 45_000;

export const NATS_USER = "headrace";
export const NATS_PASSWORD = "s3cret/of:the@tests";

/** The program, once `natsMissing` has found or got it. */
let recent: string | undefined;

/**
 * Why no server can be started; undefined when one can. On Debian a recent nats-server is fetched; elsewhere what is
 * missing is said and the tests are skipped, but never in CI.
 */
export function natsMissing(): string | undefined {
  if (recent !== undefined) return undefined;
  const { status, stdout, stderr } = spawnSync(INSTALL, { encoding: "utf8", timeout: INSTALL_TIMEOUT });
  if (status === 0) {
    recent = stdout.trim();
    return undefined;
  }
  const why = `nats-server 2.10 or later is missing: ${stderr.trim()}`;
  if (process.env["CI"] === "true") throw new Error(why);
  console.warn(`skipped: ${why}`);
  return why;
}

function natsProgram(): string {
  const missing = natsMissing();
  if (recent === undefined) throw new Error(missing);
  return recent;
}

/** Such as 2.10.27. */
export function natsVersion(): string {
  const { stdout } = spawnSync(natsProgram(), ["--version"], { encoding: "utf8" });
  return /v(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? "unknown";
}

/** One process of nats-server. */
export interface NatsNode {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  start(): Promise<void>;
  /** Ends it at once, as kill -9 does. */
  kill(): Promise<void>;
  /** Orderly. */
  stop(): Promise<void>;
  /** Freezes it (SIGSTOP): its connections stay, and nothing is answered. */
  pause(): void;
  resume(): void;
}

export interface NatsServer extends NatsNode {
  /** For `HEADRACE_LOG_URL`; `more` is behind the `?`. */
  url(more?: string): string;
  /** Resolves when JetStream answers. */
  ready(): Promise<void>;
  /** Where its data is. */
  readonly folder: string;
  /** Of the certificate's issuer, when it was started with TLS. */
  readonly ca: string | undefined;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

export interface NatsServerOptions {
  /** Makes a certificate of its own and takes connections by TLS only. */
  readonly tls?: boolean;
  /** Only NATS_USER with NATS_PASSWORD may connect; `url` has them. */
  readonly users?: boolean;
  /** More of nats-server's configuration. */
  readonly config?: string;
  /** Default true. */
  readonly jetstream?: boolean;
  /** What JetStream may put on the disk, such as 3MB. Default 4GB. */
  readonly maxFile?: string;
}

/** One server on loopback in a temporary folder. Resolves when it answers. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-nats-"));
  const tls = options.tls === true ? await makeCertificate(folder) : undefined;
  const config = [
    options.jetstream === false ? "" : jetstreamConfig(folder, options.maxFile),
    tls === undefined ? "" : `tls { cert_file: "${tls.certificate}", key_file: "${tls.key}" }`,
    options.users === true ? `authorization { user: "${NATS_USER}", password: "${NATS_PASSWORD}" }` : "",
    options.config ?? "",
  ];
  const node = new Node(folder, "n1", "127.0.0.1", await freePort(), config.join("\n"), undefined);
  const user = options.users === true ? `${NATS_USER}:${encodeURIComponent(NATS_PASSWORD)}@` : "";
  const scheme = tls === undefined ? "nats" : "tls";
  const url = (more = ""): string =>
    `${scheme}://${user}127.0.0.1:${node.port}/?${[...(tls === undefined ? [] : [`ca=${tls.certificate}`]), more].join("&")}`;
  const ready = (): Promise<void> =>
    options.jetstream === false ? Promise.resolve() : jetstreamAnswers(url(), 1);
  await node.start();
  await ready();
  return {
    ...members(node),
    url,
    ready,
    folder,
    ca: tls?.certificate,
    remove: async () => {
      await node.end();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export interface NatsCluster {
  readonly nodes: readonly NatsNode[];
  /** Where each server has a network of its own: cuts and joins them. */
  readonly network: Network | undefined;
  /** Of all servers; `more` is behind the `?`. */
  url(more?: string): string;
  /** Of one server alone. The client learns of the others from it. */
  urlOf(node: NatsNode, more?: string): string;
  /** The node that leads a JetStream stream just now. */
  leaderOf(stream: string): Promise<NatsNode | undefined>;
  /** Resolves when all nodes are there and take streams of three replicas. */
  ready(): Promise<void>;
  /** Ends all processes and removes what they kept. */
  remove(): Promise<void>;
}

export interface NatsClusterOptions {
  /**
   * On loopback, or each server in a network namespace of its own that can be cut off (root on Linux only, see
   * `networksMissing`). Default loopback.
   */
  readonly network?: "loopback" | "namespaces";
  /** More of each server's configuration. */
  readonly config?: string;
}

const NODES = 3;

/** A cluster of three servers in temporary folders. Resolves when it takes streams of three replicas. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-nats-"));
  const network = options.network === "namespaces" ? makeNetwork(NODES) : undefined;
  const places = await Promise.all(
    Array.from({ length: NODES }, async (_, index) => ({
      host: network?.hosts[index] ?? "127.0.0.1",
      port: network === undefined ? await freePort() : 4222,
      routePort: network === undefined ? await freePort() : 6222,
    })),
  );
  const routes = places.map(({ host, routePort }) => `"nats-route://${host}:${routePort}"`).join(", ");
  const nodes = await Promise.all(
    places.map(async ({ host, port, routePort }, index) => {
      const own = join(folder, `n${index + 1}`);
      await mkdir(own);
      const cluster = `cluster { name: headrace, listen: "${host}:${routePort}", routes: [${routes}] }`;
      const config = [jetstreamConfig(own), cluster, options.config ?? ""].join("\n");
      return new Node(own, `n${index + 1}`, host, port, config, network?.names[index]);
    }),
  );
  const servers = nodes.map(({ host, port }) => `${host}:${port}`).join(",");
  const url = (more = ""): string => `nats://${servers}/?${more}`;
  const cluster: NatsCluster = {
    nodes,
    network,
    url,
    urlOf: (node, more = "") => `nats://${node.host}:${node.port}/?${more}`,
    leaderOf: async (stream) => {
      const nats = await openNats(parseNatsUrl(url()), "tests", {}, START_TIMEOUT);
      try {
        const { cluster: raft } = await nats.manager.streams.info(stream);
        return nodes.find(({ name }) => name === raft?.leader);
      } finally {
        await nats.close();
      }
    },
    ready: () => jetstreamAnswers(url(), NODES),
    remove: async () => {
      await Promise.all(nodes.map((node) => node.end()));
      network?.remove();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await Promise.all(nodes.map((node) => node.start()));
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.remove();
    throw error;
  }
}

function members(node: Node): NatsNode {
  return {
    name: node.name,
    host: node.host,
    port: node.port,
    start: () => node.start(),
    kill: () => node.kill(),
    stop: () => node.stop(),
    pause: () => node.pause(),
    resume: () => node.resume(),
  };
}

function jetstreamConfig(folder: string, maxFile = "4GB"): string {
  return `jetstream { store_dir: "${join(folder, "data")}", max_mem: 64MB, max_file: ${maxFile} }`;
}

/** Resolves when streams of so many replicas can be made. */
async function jetstreamAnswers(url: string, replicas: number): Promise<void> {
  const nats = await openNats(parseNatsUrl(url), "tests", {}, START_TIMEOUT);
  try {
    const name = "headrace-tests-ready";
    const taken = async (): Promise<boolean> => {
      await nats.manager.streams.add({ name, subjects: [name], num_replicas: replicas });
      await nats.manager.streams.delete(name);
      return true;
    };
    await until(() => taken().catch(() => false), { timeout: START_TIMEOUT });
  } finally {
    await nats.close();
  }
}

class Node implements NatsNode {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly #folder: string;
  readonly #config: string;
  readonly #namespace: string | undefined;
  #child: ChildProcess | undefined;

  constructor(
    folder: string,
    name: string,
    host: string,
    port: number,
    config: string,
    namespace: string | undefined,
  ) {
    this.#folder = folder;
    this.name = name;
    this.host = host;
    this.port = port;
    this.#config = [`server_name: ${name}`, `listen: "${host}:${port}"`, config, ""].join("\n");
    this.#namespace = namespace;
  }

  async start(): Promise<void> {
    if (this.#running !== undefined) return;
    const path = join(this.#folder, "server.conf");
    await writeFile(path, this.#config);
    const command = [natsProgram(), "-c", path, "-l", join(this.#folder, "server.log")];
    const [program = "", ...rest] =
      this.#namespace === undefined ? command : ["ip", "netns", "exec", this.#namespace, ...command];
    const child = spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr?.on("data", (bytes: Buffer) => (output = `${output}${bytes.toString()}`.slice(-4_000)));
    this.#child = child;
    await once(child, "spawn");
    child.once("exit", (code) => {
      if (code !== null && code > 1) console.warn(`nats-server ${this.name} ended with ${code}: ${output}`);
    });
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** However it is just now. */
  async end(): Promise<void> {
    await this.#end("SIGKILL");
  }

  pause(): void {
    this.#running?.kill("SIGSTOP");
  }

  resume(): void {
    this.#running?.kill("SIGCONT");
  }

  get #running(): ChildProcess | undefined {
    const child = this.#child;
    return child === undefined || child.exitCode !== null || child.signalCode !== null ? undefined : child;
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#running;
    if (child === undefined) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}

interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** For 127.0.0.1 and localhost, signed by itself. */
async function makeCertificate(folder: string): Promise<Certificate> {
  const [key, certificate] = [join(folder, "server.key"), join(folder, "server.crt")];
  const made = spawnSync(
    "openssl",
    `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost -keyout ${key} -out ${certificate}`.split(
      " ",
    ),
    { encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.stderr}`);
  return { certificate, key };
}
