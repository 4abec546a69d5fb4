import { join } from "node:path";
import { freePort } from "../support/free-port.ts";
import type { NatsServer } from "../support/nats-server.ts";
import type { PostgresServer } from "../support/postgres-server.ts";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import type { Role } from "../../src/roles.ts";

/** How long a lease lasts here, in milliseconds: what the tests wait for when a loader is killed. */
export const LEASE_TTL = 2_000;

/** A process of a fleet, which keeps its port and its data folder when it is started again. */
export interface FleetMember {
  readonly role: Role;
  readonly name: string;
  readonly url: string;
  readonly process: ServerProcess | undefined;
  start(): Promise<void>;
  /** Ends it by a signal; resolves with the exit code when it has ended. */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** Processes of one project that share a log and a store. */
export interface Fleet {
  readonly members: readonly FleetMember[];
  of(role: Role): readonly FleetMember[];
  /** Kills what runs. */
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly project: string;
  readonly folder: string;
  readonly nats: NatsServer;
  readonly postgres: PostgresServer;
  /** How many processes of each role. Default 2. */
  readonly each?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { each = 2 } = options;
  const roles = (["load", "ingest", "serve"] as const).flatMap((role) =>
    Array.from({ length: each }, (_, index) => ({ role, name: `${role}-${index + 1}` })),
  );
  const members = await Promise.all(roles.map(({ role, name }) => memberOf(role, name, options)));
  const close = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.stop("SIGKILL")));
  };
  try {
    await Promise.all(members.map((member) => member.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return { members, of: (role) => members.filter((member) => member.role === role), close };
}

async function memberOf(role: Role, name: string, options: FleetOptions): Promise<FleetMember> {
  const { project, folder, nats, postgres, env = {} } = options;
  const port = await freePort();
  let running: ServerProcess | undefined;
  return {
    role,
    name,
    url: `http://127.0.0.1:${port}`,
    get process() {
      return running;
    },
    async start() {
      running = await startServerProcess({
        project,
        port,
        data: join(folder, name),
        env: {
          HEADRACE_ROLES: role,
          HEADRACE_LOG_URL: nats.url(),
          HEADRACE_LEASE_TTL: `${LEASE_TTL}ms`,
          HEADRACE_LOG_LEVEL: "info",
          // Events can be taken without a store.
          ...(role === "ingest" ? {} : { HEADRACE_STORE_URL: postgres.url() }),
          ...env,
        },
      });
    },
    async stop(signal) {
      return (await running?.stop(signal)) ?? null;
    },
  };
}
