import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { appendFile, chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";

const INSTALL = join(import.meta.dirname, "../../scripts/install-postgres.sh");
const INSTALL_TIMEOUT = 600_000;
const BINARIES = "/usr/lib/postgresql";
const VERSION_MIN = 15;
const PASSWORD = "s3cret/of:the@tests";

/** A PostgreSQL server of its own in a temporary folder. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** For `HEADRACE_STORE_URL`; `more` is behind the `?`. */
  url(more?: string): string;
  /** The same over its Unix socket. */
  socketUrl(more?: string): string;
  /** Runs statements as the superuser, and gives the rows of the last. */
  run(sql: string): Promise<Record<string, unknown>[]>;
  /** Ends all its processes at once, as a power switch would but for what the disk keeps. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Orderly, with open connections broken off. */
  stop(): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

export const PASSWORD_OF_TESTS = PASSWORD;

/**
 * Why no server can be started; undefined when one can. As root on Debian PostgreSQL is installed; elsewhere what is
 * missing is said and the tests are skipped, but never in CI.
 */
export function postgresMissing(): string | undefined {
  if (binaries() !== undefined) return undefined;
  const { status, stderr } = spawnSync(INSTALL, { encoding: "utf8", timeout: INSTALL_TIMEOUT });
  if (status === 0 && binaries() !== undefined) return undefined;
  const why = `PostgreSQL ${VERSION_MIN} or later is missing: ${stderr.trim()}`;
  if (process.env["CI"] === "true") throw new Error(why);
  console.warn(`skipped: ${why}`);
  return why;
}

function binaries(): string | undefined {
  const versions = existsSync(BINARIES) ? readdirSync(BINARIES) : [];
  const best = versions
    .filter((one) => Number(one) >= VERSION_MIN && existsSync(join(BINARIES, one, "bin/initdb")))
    .sort((a, b) => Number(a) - Number(b))
    .at(-1);
  return best === undefined ? undefined : join(BINARIES, best, "bin");
}

export interface PostgresOptions {
  /** Lines for postgresql.conf. */
  readonly settings?: readonly string[];
  /** Makes a certificate of its own and takes connections by TLS. */
  readonly tls?: boolean;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const bin = binaries();
  if (bin === undefined) throw new Error("PostgreSQL isn't installed");
  const folder = await mkdtemp(join(tmpdir(), "headrace-pg-"));
  const owner = ownerOf();
  const data = join(folder, "data");
  await mkdir(data, { mode: 0o700 });
  for (const path of [folder, data]) if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  const port = await freePort();
  const passwordFile = join(folder, "password");
  await appendFile(passwordFile, PASSWORD, { mode: 0o644 });
  const made = spawnSync(
    join(bin, "initdb"),
    [
      "-D",
      data,
      "-U",
      "headrace",
      "--auth=scram-sha-256",
      `--pwfile=${passwordFile}`,
      "--no-sync",
      "-E",
      "UTF8",
      "--locale=C.UTF-8",
    ],
    { encoding: "utf8", ...owner },
  );
  if (made.status !== 0) throw new Error(`initdb failed:\n${made.stdout}${made.stderr}`);
  if (options.tls === true) await makeCertificate(data, owner);
  await appendFile(
    join(data, "postgresql.conf"),
    [
      "",
      "listen_addresses = '127.0.0.1'",
      `port = ${port}`,
      `unix_socket_directories = '${folder}'`,
      "max_connections = 60",
      "shared_buffers = 64MB",
      "timezone = 'America/New_York'",
      ...(options.tls === true ? ["ssl = on"] : []),
      ...(options.settings ?? []),
      "",
    ].join("\n"),
  );
  return new Server(bin, folder, port, owner).begin();
}

class Server implements PostgresServer {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #bin: string;
  readonly #folder: string;
  readonly #owner: Owner | undefined;
  #child: ChildProcess | undefined;

  constructor(bin: string, folder: string, port: number, owner: Owner | undefined) {
    this.#bin = bin;
    this.#folder = folder;
    this.port = port;
    this.#owner = owner;
  }

  async begin(): Promise<this> {
    await this.start();
    return this;
  }

  url(more = ""): string {
    return `postgres://headrace:${encodeURIComponent(PASSWORD)}@127.0.0.1:${this.port}/postgres${query(more)}`;
  }

  socketUrl(more = ""): string {
    const at = `host=${encodeURIComponent(this.#folder)}${more === "" ? "" : `&${more}`}`;
    return `postgres://headrace:${encodeURIComponent(PASSWORD)}@:${this.port}/postgres?${at}`;
  }

  async run(sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({
      user: "headrace",
      password: PASSWORD,
      host: this.host,
      port: this.port,
      database: "postgres",
    });
    await client.connect();
    try {
      const result = (await client.query(sql)) as unknown;
      const last = (Array.isArray(result) ? result.at(-1) : result) as { rows: Record<string, unknown>[] };
      return last.rows;
    } finally {
      await client.end();
    }
  }

  async start(): Promise<void> {
    const child = spawn(join(this.#bin, "postgres"), ["-D", join(this.#folder, "data")], {
      stdio: ["ignore", "ignore", "pipe"],
      ...this.#owner,
    });
    this.#child = child;
    let output = "";
    child.stderr?.on("data", (bytes: Buffer) => (output = `${output}${bytes.toString()}`.slice(-4_000)));
    await until(
      async () => {
        if (child.exitCode !== null) throw new Error(`PostgreSQL ended:\n${output}`);
        return this.run("SELECT 1").then(
          () => true,
          () => false,
        );
      },
      { timeout: 30_000 },
    );
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    const workers = childrenOf(child.pid);
    const exited = once(child, "exit");
    // The parent first: it would end the workers in order.
    for (const pid of [child.pid, ...workers]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has just ended by itself.
      }
    }
    await exited;
    await until(() => workers.every((pid) => !existsSync(`/proc/${pid}`)));
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGINT");
    await exited;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const query = (more: string): string => (more === "" ? "" : `?${more}`);

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The server refuses to run as root. */
function ownerOf(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [, uid, gid] =
    /^(?:postgres|nobody):[^:]*:(\d+):(\d+)/m.exec(readFileSync("/etc/passwd", "utf8")) ?? [];
  return { uid: Number(uid ?? 65_534), gid: Number(gid ?? 65_534) };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((one) => one.trim() !== "")
    .map(Number);
}

/** For 127.0.0.1, signed by itself: in `<data>/server.crt`. */
async function makeCertificate(data: string, owner: Owner | undefined): Promise<void> {
  const [key, cert] = [join(data, "server.key"), join(data, "server.crt")];
  const { status, stderr } = spawnSync(
    "openssl",
    `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`.split(
      " ",
    ),
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`openssl failed:\n${stderr}`);
  for (const path of [key, cert]) if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}
