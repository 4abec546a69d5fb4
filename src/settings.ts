import { parseNatsUrl } from "./nats/nats-url.ts";
import { DAY, GIB, HOUR, KIB, MIB, MINUTE, SECOND } from "./units.ts";

/**
 * Every setting: its environment variable, how its text is read, its default and what it is for.
 * `docs/CONFIG.md` is generated from this table, and a test fails when the two differ.
 */
export interface Setting<T> {
  readonly env: string;
  readonly default: T;
  /** The default as the documentation shows it. */
  readonly shown: string;
  readonly about: string;
  readonly parse: (text: string) => T;
  /** Never shown in messages. */
  readonly secret?: boolean;
}

const text = (env: string, fallback: string, about: string): Setting<string> => ({
  env,
  default: fallback,
  shown: fallback,
  about,
  parse: (value) => value,
});

const optionalText = (env: string, about: string, secret = false): Setting<string | undefined> => ({
  env,
  default: undefined,
  shown: "none",
  about,
  secret,
  parse: (value) => value,
});

function integer(env: string, fallback: number, about: string, min: number, max: number): Setting<number> {
  return {
    env,
    default: fallback,
    shown: fallback < 10_000 ? String(fallback) : fallback.toLocaleString("en-US"),
    about,
    parse: (value) => {
      if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max) {
        throw new Error(`expected an integer from ${min} to ${max}`);
      }
      return Number(value);
    },
  };
}

/** A port that isn't listened on unless it is set. */
function optionalPort(env: string, about: string): Setting<number | undefined> {
  return { ...integer(env, 0, about, 0, 65_535), default: undefined, shown: "none" };
}

const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, kib: KIB, mib: MIB, gib: GIB };

function size(env: string, fallback: number, about: string, min: number, max: number): Setting<number> {
  return {
    env,
    default: fallback,
    shown: showSize(fallback),
    about,
    parse: (value) => {
      const [, digits, unit] = /^(\d+) ?([a-z]*)$/i.exec(value) ?? [];
      const factor = unit === undefined ? undefined : SIZE_UNITS[unit.toLowerCase()];
      const bytes = factor === undefined ? Number.NaN : Number(digits) * factor;
      if (!(bytes >= min && bytes <= max)) {
        throw new Error(`expected a size from ${showSize(min)} to ${showSize(max)}, such as 64MiB`);
      }
      return bytes;
    },
  };
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY };

function duration(env: string, fallback: number, about: string, min: number, max: number): Setting<number> {
  return {
    env,
    default: fallback,
    shown: showDuration(fallback),
    about,
    parse: (value) => {
      const [, digits, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(value) ?? [];
      const milliseconds =
        unit === undefined ? Number.NaN : Number(digits) * (DURATION_UNITS[unit] ?? Number.NaN);
      if (!(milliseconds >= min && milliseconds <= max)) {
        throw new Error(
          `expected a duration from ${showDuration(min)} to ${showDuration(max)}, such as 30s or 7d`,
        );
      }
      return milliseconds;
    },
  };
}

function choice<const T extends string>(
  env: string,
  fallback: T,
  values: readonly T[],
  about: string,
): Setting<T> {
  return {
    env,
    default: fallback,
    shown: fallback,
    about: `${about} One of ${values.join(", ")}.`,
    parse: (value) => {
      const found = values.find((one) => one === value);
      if (found === undefined) throw new Error(`expected one of ${values.join(", ")}`);
      return found;
    },
  };
}

/** A URL of one of the schemes that this version has an adapter for. */
function adapter(
  env: string,
  fallback: string,
  later: readonly string[],
  about: string,
  others: readonly string[] = [],
  check: (url: string) => unknown = () => {},
): Setting<string> {
  const all = [fallback, ...others.map((scheme) => `${scheme}//…`)];
  const there = [all.slice(0, -1).join(", "), ...all.slice(-1)].filter((part) => part !== "").join(" or ");
  return {
    env,
    default: fallback,
    shown: fallback,
    about,
    secret: true,
    parse: (value) => {
      if (value === fallback) return value;
      if (others.some((scheme) => value.startsWith(scheme))) {
        check(value);
        return value;
      }
      if (later.some((scheme) => value.startsWith(scheme))) {
        throw new Error(`this version has no adapter for that scheme yet; ${there} is there`);
      }
      throw new Error(`expected ${there}`);
    },
  };
}

/** Origins as browsers send them: a scheme, a host and perhaps a port, and nothing behind. */
function origins(env: string, about: string): Setting<readonly string[]> {
  return {
    env,
    default: [],
    shown: "none",
    about,
    parse: (value) => {
      const list = value.split(/[\s,]+/).filter((one) => one !== "");
      for (const one of list) {
        // A URL may have a star in its host, but no origin is ever sent with one.
        const isOrigin = /^https?:[^*]+$/.test(one) && URL.canParse(one) && new URL(one).origin === one;
        if (!isOrigin && one !== "*") {
          throw new Error(`"${one}" is no origin: expected one such as https://app.example.com, or *`);
        }
      }
      return list;
    },
  };
}

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export const SETTINGS = {
  host: text("HEADRACE_HOST", "127.0.0.1", "The address to listen on. Beyond loopback only with tokens."),
  port: integer("HEADRACE_PORT", 7070, "The port to listen on; 0 lets the system choose.", 0, 65_535),
  clickhousePort: optionalPort(
    "HEADRACE_CLICKHOUSE_PORT",
    "A second port, on which SQL is answered in ClickHouse's HTTP protocol: for BI tools (docs/BI.md). Only with a store that is ClickHouse.",
  ),
  data: text("HEADRACE_DATA", ".headrace", "The data folder, relative to the project. On a local disk."),
  logLevel: choice("HEADRACE_LOG_LEVEL", "info", LOG_LEVELS, "How much the server's own log says."),
  logUrl: adapter(
    "HEADRACE_LOG_URL",
    "file:",
    ["kafka:"],
    "The log between ingest and load. `file:` is the embedded one; `nats://user:password@host:4222,host:4222/?replicas=3` (or `tls://…`) is NATS JetStream (docs/SCALE.md).",
    ["nats:", "tls:"],
    parseNatsUrl,
  ),
  storeUrl: adapter(
    "HEADRACE_STORE_URL",
    "chdb:",
    [],
    "The store. `chdb:` is ClickHouse embedded in the process; `clickhouse://user:password@host:8123/database` is ClickHouse on servers (docs/CLICKHOUSE.md); `postgres://user:password@host:5432/database` is PostgreSQL (docs/POSTGRES.md).",
    ["clickhouse:", "clickhouses:", "postgres:", "postgresql:"],
  ),
  roles: adapter(
    "HEADRACE_ROLES",
    "ingest,load,serve",
    ["ingest", "load", "serve"],
    "The parts that this process runs.",
  ),
  tokens: optionalText(
    "HEADRACE_TOKENS",
    "The tokens' hashes, scopes and expiries, as JSON. docs/ACCESS.md has the format.",
    true,
  ),
  tokensFile: optionalText(
    "HEADRACE_TOKENS_FILE",
    "A file with the same JSON, relative to the project; a change is in force within seconds.",
  ),
  corsOrigins: origins(
    "HEADRACE_CORS_ORIGINS",
    "Origins whose pages may use the server from a browser, with commas between them, or * for all.",
  ),

  ingestBodyMax: size(
    "HEADRACE_INGEST_BODY_MAX",
    32 * MIB,
    "The largest body of an ingest request as it is sent.",
    KIB,
    GIB,
  ),
  ingestDecompressedMax: size(
    "HEADRACE_INGEST_DECOMPRESSED_MAX",
    64 * MIB,
    "The largest body of an ingest request after decompression.",
    KIB,
    GIB,
  ),
  ingestEventMax: size(
    "HEADRACE_INGEST_EVENT_MAX",
    MIB,
    "The largest event; larger ones are rejected.",
    64,
    64 * MIB,
  ),
  ingestNestingMax: integer("HEADRACE_INGEST_NESTING_MAX", 32, "The deepest nesting of an event.", 1, 512),
  ingestEventsMax: integer(
    "HEADRACE_INGEST_EVENTS_MAX",
    500_000,
    "The most events of one request.",
    1,
    1_000_000,
  ),
  ingestInFlightMax: size(
    "HEADRACE_INGEST_IN_FLIGHT_MAX",
    256 * MIB,
    "The most bytes of bodies in memory at once; past it requests get 429.",
    MIB,
    64 * GIB,
  ),
  ingestLagMax: integer(
    "HEADRACE_INGEST_LAG_MAX",
    10_000_000,
    "The most events of a stream that wait to be loaded; past it requests get 429.",
    1,
    1_000_000_000_000,
  ),

  logSegmentSize: size(
    "HEADRACE_LOG_SEGMENT_SIZE",
    64 * MIB,
    "The size at which a segment of the log is closed.",
    64 * KIB,
    GIB,
  ),
  logRetentionAge: duration(
    "HEADRACE_LOG_RETENTION_AGE",
    7 * DAY,
    "How long the log keeps what is loaded. What isn't loaded is always kept.",
    MINUTE,
    3650 * DAY,
  ),
  logRetentionSize: size(
    "HEADRACE_LOG_RETENTION_SIZE",
    10 * GIB,
    "How much of a stream the log keeps of what is loaded.",
    MIB,
    1024 * 1024 * GIB,
  ),
  keyWindow: duration(
    "HEADRACE_KEY_WINDOW",
    DAY,
    "How long an Idempotency-Key is remembered.",
    MINUTE,
    30 * DAY,
  ),
  keysMax: integer(
    "HEADRACE_KEYS_MAX",
    1_000_000,
    "The most keys that a stream remembers; the oldest are forgotten first.",
    1,
    100_000_000,
  ),

  rejectedRetentionAge: duration(
    "HEADRACE_REJECTED_RETENTION_AGE",
    30 * DAY,
    "How long rejected events are kept.",
    MINUTE,
    3650 * DAY,
  ),
  rejectedRetentionSize: size(
    "HEADRACE_REJECTED_RETENTION_SIZE",
    GIB,
    "How much is kept of all streams' rejected events, before compression; past it the oldest go.",
    KIB,
    1024 * GIB,
  ),

  storeMemory: size(
    "HEADRACE_STORE_MEMORY",
    4 * GIB,
    "The most memory that the embedded store may use in all.",
    512 * MIB,
    1024 * GIB,
  ),
  queriesMax: integer(
    "HEADRACE_QUERIES_MAX",
    3,
    "Queries that run at once in the embedded store; others wait. SQL never takes the last one.",
    2,
    64,
  ),
  cacheSize: size(
    "HEADRACE_CACHE_SIZE",
    64 * MIB,
    "The size of the cache of endpoints' answers; 0 turns it off.",
    0,
    64 * GIB,
  ),

  sqlTime: duration("HEADRACE_SQL_TIME", 10 * SECOND, "How long a query of POST /v1/sql may run.", 100, HOUR),
  sqlMemory: size(
    "HEADRACE_SQL_MEMORY",
    GIB,
    "The most memory that a query of POST /v1/sql may use.",
    16 * MIB,
    1024 * GIB,
  ),
  sqlRows: integer(
    "HEADRACE_SQL_ROWS",
    1_000_000,
    "The most rows that an answer of POST /v1/sql may have.",
    1,
    1_000_000_000,
  ),
  sqlBytes: size(
    "HEADRACE_SQL_BYTES",
    256 * MIB,
    "The most bytes that an answer of POST /v1/sql may have.",
    KIB,
    64 * GIB,
  ),
  sqlQueriesMax: integer(
    "HEADRACE_SQL_QUERIES_MAX",
    2,
    "Queries of POST /v1/sql that run at once; others wait. Always fewer than HEADRACE_QUERIES_MAX, so that endpoints go on.",
    1,
    64,
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
export type SettingValues = { -readonly [Name in SettingName]: (typeof SETTINGS)[Name]["default"] };

function showSize(bytes: number): string {
  if (bytes >= GIB && bytes % GIB === 0) return `${bytes / GIB}GiB`;
  if (bytes >= MIB && bytes % MIB === 0) return `${bytes / MIB}MiB`;
  if (bytes >= KIB && bytes % KIB === 0) return `${bytes / KIB}KiB`;
  return String(bytes);
}

function showDuration(milliseconds: number): string {
  for (const [unit, factor] of Object.entries(DURATION_UNITS).reverse()) {
    if (milliseconds >= factor && milliseconds % factor === 0) return `${milliseconds / factor}${unit}`;
  }
  return `${milliseconds}ms`;
}
