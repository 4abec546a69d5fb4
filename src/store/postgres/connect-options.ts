import type { ConnectionOptions } from "node:tls";
import { decodePart, invalidStoreUrl, readNamedFile, readParameters } from "../store-url.ts";

/** Where a PostgreSQL server is and how it is entered. Never printed: it holds passwords. */
export interface PostgresTarget {
  /** Tried in order; the first that takes writes is used. */
  readonly hosts: readonly PostgresHost[];
  readonly database: string;
  /** All tables of the store are in this schema. */
  readonly schema: string;
  readonly login: Login;
  /** A role that may read the streams' tables and nothing else, for SQL from outside. */
  readonly sqlLogin?: Login;
  /** False: no TLS. */
  readonly tls: false | ConnectionOptions;
}

export interface PostgresHost {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
}

export interface Login {
  readonly user: string;
  readonly password: string | undefined;
}

const PORT_DEFAULT = 5432;
const SCHEMA_DEFAULT = "headrace";
const SCHEMA = /^[a-z][a-z0-9_]{0,62}$/;
const TLS_MODES = ["disable", "require", "verify-ca", "verify-full"] as const;
type TlsMode = (typeof TLS_MODES)[number];

/** What may stand behind the `?`. */
const PARAMETERS = [
  "schema",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "sql_user",
  "sql_password",
  "host",
] as const;

/** `postgres://user:password@host:port,host2:port2/database?…`. URL itself knows one host only. */
const SHAPE =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?(?<hosts>[^/?#]*)\/(?<database>[^/?#]+)(?:\?(?<query>[^#]*))?$/;

/**
 * Reads `HEADRACE_STORE_URL`.
 * @throws HeadraceError `config_invalid`, whose message never shows the URL.
 */
export function parsePostgresUrl(url: string): PostgresTarget {
  const { user, password, hosts = "", database, query = "" } = SHAPE.exec(url)?.groups ?? {};
  if (database === undefined) throw invalidStoreUrl("expected postgres://user:password@host:5432/database");
  const options = readParameters(query, PARAMETERS);
  const schema = options.get("schema") ?? SCHEMA_DEFAULT;
  if (!SCHEMA.test(schema) || schema.startsWith("pg_")) {
    throw invalidStoreUrl("schema must be small letters, digits and _, and not begin with pg_");
  }
  const sqlUser = options.get("sql_user");
  const all = readHosts(decodePart(hosts), options.get("host"));
  return {
    hosts: all,
    database: decodePart(database),
    schema,
    login: {
      user: user === undefined || user === "" ? "postgres" : decodePart(user),
      password: password === undefined ? undefined : decodePart(password),
    },
    ...(sqlUser === undefined ? {} : { sqlLogin: { user: sqlUser, password: options.get("sql_password") } }),
    tls: readTls(options, all),
  };
}

/** `folder` is that of a Unix socket, whose name has the port. */
function readHosts(text: string, folder: string | undefined): readonly PostgresHost[] {
  if (folder !== undefined && !folder.startsWith("/"))
    throw invalidStoreUrl("host is the folder of a Unix socket");
  return text.split(",").map((part) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(part);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3] ?? PORT_DEFAULT);
    if (host === undefined || port === 0 || port > 65_535) {
      throw invalidStoreUrl(
        "a host is a name or an address, and may have a port, such as db.example.com:5432",
      );
    }
    return { host: folder ?? (host === "" ? "localhost" : host), port };
  });
}

/** Without a word about it, a server on another machine must prove who it is. */
function readTls(
  options: ReadonlyMap<string, string>,
  hosts: readonly PostgresHost[],
): PostgresTarget["tls"] {
  const asked = options.get("sslmode");
  const mode = asked === undefined ? modeFor(hosts) : TLS_MODES.find((one) => one === asked);
  if (mode === undefined) throw invalidStoreUrl(`sslmode is one of ${TLS_MODES.join(", ")}`);
  if (mode === "disable") return false;
  const file = (name: "sslrootcert" | "sslcert" | "sslkey") => {
    const path = options.get(name);
    return path === undefined ? undefined : readNamedFile(name, path);
  };
  const [ca, cert, key] = [file("sslrootcert"), file("sslcert"), file("sslkey")];
  return {
    rejectUnauthorized: mode !== "require",
    ...(mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function modeFor(hosts: readonly PostgresHost[]): TlsMode {
  return hosts.every(({ host }) => isLocal(host)) ? "disable" : "verify-full";
}

function isLocal(host: string): boolean {
  return host.startsWith("/") || host === "localhost" || host === "::1" || /^127(?:\.\d+){3}$/.test(host);
}
