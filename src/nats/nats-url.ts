import { HeadraceError } from "../errors.ts";

/** What `HEADRACE_LOG_URL` says about NATS. */
export interface NatsOptions {
  /** `host:port`, one at least. */
  readonly servers: readonly string[];
  /** Whether only connections by TLS will do. A server may ask for TLS without this. */
  readonly tls: boolean;
  readonly user?: string;
  readonly password?: string;
  /** Instead of a user and a password. */
  readonly token?: string;
  /** Path of a credentials file (a JWT and its key, as `nsc` writes them). */
  readonly credentials?: string;
  /** Paths of PEM files: whom to trust, and who we are. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** Copies of each JetStream stream, 1 to 5. Default 1. */
  readonly replicas: number;
  /** Partitions of a stream without `id`, 1 to 64. Default 1. */
  readonly partitions: number;
  /** What the names of JetStream streams, subjects and buckets begin with. Absent: the project's name. */
  readonly prefix?: string;
}

const PORT = 4222;
const REPLICAS_MAX = 5;
/** Partitions of a stream, at most. */
export const PARTITIONS_MAX = 64;
const PREFIX_LENGTH_MAX = 64;
const OPTIONS = ["replicas", "partitions", "prefix", "creds", "ca", "cert", "key"];

/**
 * Reads `nats://user:password@host1:4222,host2:4222/?replicas=3&partitions=4&prefix=airport&creds=/path` (or `tls://…`,
 * with `ca`, `cert` and `key`). A single word before the `@` is a token. `config_invalid` for anything else; no message
 * of it shows what stands before the `@`.
 */
export function parseNatsUrl(url: string): NatsOptions {
  const [, scheme, authority, path, search] =
    /^(nats|tls):\/\/([^/?#]*)(\/?)(?:\?([^#]*))?$/i.exec(url) ?? [];
  if (scheme === undefined || authority === undefined || path === undefined) {
    throw bad("it isn't of the form nats://user:password@host:4222,host:4222/?option=value");
  }
  const at = authority.lastIndexOf("@");
  const options = optionsOf(search ?? "");
  const { ca, cert, key, creds, prefix } = options;
  if ((cert === undefined) !== (key === undefined)) throw bad("cert and key go together");
  const given = at < 0 ? {} : identityOf(authority.slice(0, at));
  if (creds !== undefined && at >= 0) throw bad("it has a credentials file, and a user or token too");
  if (prefix !== undefined) checkPrefix(prefix);
  return {
    servers: authority
      .slice(at + 1)
      .split(",")
      .map(serverOf),
    tls: scheme.toLowerCase() === "tls" || ca !== undefined || cert !== undefined,
    ...given,
    ...(creds === undefined ? {} : { credentials: creds }),
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { certificate: cert, key }),
    replicas: integer("replicas", options["replicas"], REPLICAS_MAX),
    partitions: integer("partitions", options["partitions"], PARTITIONS_MAX),
    ...(prefix === undefined ? {} : { prefix }),
  };
}

function optionsOf(search: string): Partial<Record<string, string>> & {
  ca?: string;
  cert?: string;
  key?: string;
  creds?: string;
  prefix?: string;
} {
  const options: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    if (!OPTIONS.includes(name))
      throw bad(`there is no option ${JSON.stringify(name)}: they are ${OPTIONS.join(", ")}`);
    if (name in options) throw bad(`the option ${name} is there twice`);
    if (value === "") throw bad(`the option ${name} is empty`);
    options[name] = value;
  }
  return options;
}

function identityOf(text: string): { user: string; password: string } | { token: string } {
  const [first = "", ...rest] = text.split(":");
  if (rest.length === 0) return { token: decoded(first) };
  return { user: decoded(first), password: decoded(rest.join(":")) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad("what stands before the @ isn't percent-encoded as it should be");
  }
}

function serverOf(text: string): string {
  const [, host, port] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const number = port === undefined ? PORT : Number(port);
  if (host === undefined || number < 1 || number > 65_535)
    throw bad(`${JSON.stringify(text)} isn't host:port`);
  return `${host}:${number}`;
}

function integer(name: string, text: string | undefined, max: number): number {
  if (text === undefined) return 1;
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > max) {
    throw bad(`${name} is an integer from 1 to ${max}, not ${JSON.stringify(text)}`);
  }
  return Number(text);
}

/** Refuses what can't be part of the names of streams, subjects and buckets: `config_invalid`. */
export function checkPrefix(prefix: string): void {
  if (!/^[a-z0-9_-]+$/i.test(prefix) || prefix.length > PREFIX_LENGTH_MAX) {
    throw bad(
      `the prefix is 1 to ${PREFIX_LENGTH_MAX} letters, digits, - and _, not ${JSON.stringify(prefix)}`,
    );
  }
}

function bad(what: string): HeadraceError {
  return new HeadraceError("config_invalid", `the URL of the log on NATS can't be used: ${what}`);
}
