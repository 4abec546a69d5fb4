import { existsSync, readdirSync } from "node:fs";
import { chown, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { freePort } from "../../test/support/free-port.ts";
import type { Contender, Running } from "../contender.ts";
import type { Workshop } from "../workshop.ts";

const READY = /^ready (\d+)$/;

/** The limit for A, B and F: a server that does nothing. */
export function bareHttp(workshop: Workshop): Contender {
  return {
    name: "bare node:http",
    durability: "none: the body is read and dropped",
    async start() {
      const child = workshop.script("peers/bare-http.ts", [], { ready: READY });
      const port = Number((await child.ready)[1]);
      return { port, pids: [child.pid], [Symbol.asyncDispose]: () => child.stop() };
    },
  };
}

export function fastifyDuckdb(workshop: Workshop): Contender {
  return {
    name: "Fastify + Zod + DuckDB",
    durability: "write-ahead log synced for each group of requests; no deduplication",
    start: () =>
      starting(async (stack) => {
        const folder = stack.use(await workshop.folder("duckdb")).path;
        const child = workshop.script("peers/fastify-duckdb.ts", [join(folder, "bench.db")], {
          ready: READY,
        });
        stack.defer(() => child.stop());
        return stackRunning(Number((await child.ready)[1]), [child.pid]);
      }),
  };
}

/** Real PostgreSQL with its defaults, and the stack in front of it. */
export function fastifyPostgres(workshop: Workshop): Contender {
  const binaries = postgresFolder();
  return {
    name: "Fastify + Zod + PostgreSQL",
    durability: "PostgreSQL's default: WAL synced before the answer; primary key",
    ...(binaries === undefined
      ? { missing: "PostgreSQL is not installed (Debian: apt-get install postgresql)" }
      : {}),
    start: () =>
      starting(async (stack) => {
        const folder = stack.use(await workshop.folder("postgres")).path;
        const url = await startPostgres(workshop, stack, binaries ?? "", folder);
        const child = workshop.script("peers/fastify-postgres.ts", [url.connection], { ready: READY });
        stack.defer(() => child.stop());
        return stackRunning(Number((await child.ready)[1]), [child.pid, url.pid]);
      }),
  };
}

/** Not HTTP: the generator speaks to it with the official client. */
export function natsServer(workshop: Workshop): Contender {
  const binary = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"].find(
    (path) => existsSync(path),
  );
  return {
    name: "NATS JetStream",
    durability:
      "its default: written to the file, synced every 2 minutes; a log with no store; nothing is validated",
    ...(binary === undefined
      ? { missing: "nats-server is not installed (Debian: apt-get install nats-server)" }
      : {}),
    start: () =>
      starting(async (stack) => {
        const folder = stack.use(await workshop.folder("nats")).path;
        const port = await freePort();
        const child = workshop.start(
          binary ?? "",
          ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder],
          { ready: /Server is ready/ },
        );
        stack.defer(() => child.stop());
        await child.ready;
        return { port, pids: [child.pid] };
      }),
  };
}

/** What was begun is stopped again when the start fails. */
async function starting(
  begin: (stack: AsyncDisposableStack) => Promise<Omit<Running, typeof Symbol.asyncDispose>>,
): Promise<Running> {
  const stack = new AsyncDisposableStack();
  try {
    const running = await begin(stack);
    return { ...running, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

function stackRunning(port: number, pids: readonly number[]): Omit<Running, typeof Symbol.asyncDispose> {
  const count = async (stream: string): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${port}/count/${stream}`);
    return ((await response.json()) as { count: number }).count;
  };
  return {
    port,
    pids,
    stored: async ([stream]) => count(stream ?? ""),
    async verify(stream, events) {
      const stored = await count(stream);
      if (stored !== events) throw new Error(`${stream} has ${stored} rows, and ${events} were accepted`);
    },
  };
}

async function startPostgres(
  workshop: Workshop,
  stack: AsyncDisposableStack,
  binaries: string,
  folder: string,
): Promise<{ readonly connection: string; readonly pid: number }> {
  // It refuses to run as root.
  const owner = process.getuid?.() === 0 ? await idsOf("postgres") : {};
  if (owner.uid !== undefined && owner.gid !== undefined) {
    await chown(folder, owner.uid, owner.gid);
    await workshop.letIn();
  }
  const data = join(folder, "data");
  await workshop.run(
    join(binaries, "initdb"),
    ["-D", data, "-U", "bench", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"],
    { ...owner, cwd: folder },
  );
  const port = await freePort();
  const settings = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    `unix_socket_directories = '${folder}'`,
  ];
  await writeFile(join(data, "postgresql.auto.conf"), `${settings.join("\n")}\n`);
  const child = workshop.start(join(binaries, "postgres"), ["-D", data], {
    ...owner,
    cwd: folder,
    ready: /database system is ready to accept connections/,
    // Its fast shutdown: ends the connections instead of waiting for them.
    stopSignal: "SIGINT",
    // Killed, it would leave its children to find out by themselves.
    killSignal: "SIGQUIT",
  });
  stack.defer(() => child.stop());
  await child.ready;
  return { connection: `postgres://bench@127.0.0.1:${port}/postgres`, pid: child.pid };
}

function postgresFolder(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  return versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(debian, version, "bin"))
    .find((folder) => existsSync(join(folder, "initdb")));
}

async function idsOf(user: string): Promise<{ readonly uid?: number; readonly gid?: number }> {
  const id = async (flag: string): Promise<number> =>
    Number((await promisify(execFile)("id", [flag, user])).stdout.trim());
  return { uid: await id("-u"), gid: await id("-g") };
}
