import type { SecureContextOptions } from "node:tls";
import { decodePart, invalidStoreUrl, readNamedFile, readParameters } from "../../store-url.ts";

/** Where ClickHouse is and how it is entered. Never printed: it holds a password. */
export interface ClickHouseTarget {
  /** Tried in order. */
  readonly hosts: readonly HttpHost[];
  /** All tables of the store are in it. */
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** False: plain HTTP. */
  readonly tls: false | Pick<SecureContextOptions, "ca" | "cert" | "key">;
  readonly cluster?: ClusterTarget;
}

export interface HttpHost {
  readonly host: string;
  readonly port: number;
}

/** How tables are spread over the servers of a cluster. */
export interface ClusterTarget {
  /** Its name in `system.clusters`. */
  readonly name: string;
  /** Replicas that must have an insert on disk before it counts: a number, or "auto" for the majority. */
  readonly quorum: string;
}

const PORT_DEFAULT = { plain: 8123, tls: 8443 };
const DATABASE_DEFAULT = "headrace";
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
const CLUSTER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** Databases of the server itself, and the one that everybody's tables land in. */
const FOREIGN = new Set(["default", "system", "information_schema", "INFORMATION_SCHEMA"]);

/** What may stand behind the `?`. */
const PARAMETERS = ["secure", "ca", "cert", "key", "cluster", "quorum"] as const;
type Parameter = (typeof PARAMETERS)[number];

/** `clickhouse://user:password@host:port,host2:port2/database?…`. URL itself knows one host only. */
const SHAPE =
  /^clickhouse(?<tls>s)?:\/\/(?:(?<user>[^:@/?#]*)(?::(?<password>[^@/?#]*))?@)?(?<hosts>[^/?#]+)(?:\/(?<database>[^/?#]*))?(?:\?(?<query>[^#]*))?$/;

/**
 * Reads `HEADRACE_STORE_URL`.
 * @throws HeadraceError `config_invalid`, whose message never shows the URL.
 */
export function parseClickHouseUrl(url: string): ClickHouseTarget {
  const { tls, user = "", password = "", hosts, database = "", query = "" } = SHAPE.exec(url)?.groups ?? {};
  if (hosts === undefined) throw invalidStoreUrl("expected clickhouse://user:password@host:8123/database");
  const options = readParameters(query, PARAMETERS);
  const isSecure = readSecure(options, tls !== undefined);
  const name = decodePart(database) || DATABASE_DEFAULT;
  if (!NAME.test(name)) throw invalidStoreUrl("the database's name is made of letters, digits and _");
  if (FOREIGN.has(name))
    throw invalidStoreUrl(`the database ${name} isn't Headrace's own: name another, it is made`);
  const cluster = readCluster(options);
  return {
    hosts: decodePart(hosts)
      .split(",")
      .map((text) => readHost(text, isSecure)),
    database: name,
    user: decodePart(user) || "default",
    password: decodePart(password),
    tls: isSecure && readTls(options),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

type Options = ReadonlyMap<Parameter, string>;

function readSecure(options: Options, scheme: boolean): boolean {
  const asked = options.get("secure");
  if (asked !== undefined && asked !== "true" && asked !== "false")
    throw invalidStoreUrl("secure is true or false");
  if (scheme && asked === "false")
    throw invalidStoreUrl("clickhouses:// is with TLS, and secure=false says without");
  const isSecure = scheme || asked === "true";
  const files = (["ca", "cert", "key"] as const).filter((name) => options.has(name));
  if (!isSecure && files.length > 0)
    throw invalidStoreUrl(`${files.join(", ")} needs clickhouses:// or secure=true`);
  return isSecure;
}

function readHost(text: string, isSecure: boolean): HttpHost {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? (isSecure ? PORT_DEFAULT.tls : PORT_DEFAULT.plain));
  if (host === undefined || port === 0 || port > 65_535) {
    throw invalidStoreUrl("a host is a name or an address, and may have a port, such as db.example.com:8123");
  }
  return { host, port };
}

function readTls(options: Options): Exclude<ClickHouseTarget["tls"], false> {
  const file = (name: "ca" | "cert" | "key") => {
    const path = options.get(name);
    return path === undefined ? {} : { [name]: readNamedFile(name, path) };
  };
  return { ...file("ca"), ...file("cert"), ...file("key") };
}

function readCluster(options: Options): ClusterTarget | undefined {
  const name = options.get("cluster");
  const quorum = options.get("quorum");
  if (name === undefined) {
    if (quorum !== undefined) throw invalidStoreUrl("quorum is for a cluster: name it with cluster=");
    return undefined;
  }
  if (!CLUSTER.test(name)) throw invalidStoreUrl("cluster is a cluster's name, as system.clusters has it");
  if (quorum !== undefined && !/^(?:auto|[1-9]\d?)$/.test(quorum)) {
    throw invalidStoreUrl("quorum is auto or a number of replicas from 1 to 99");
  }
  return { name, quorum: quorum ?? "auto" };
}
