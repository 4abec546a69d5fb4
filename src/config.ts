import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { HeadraceError, messageOf } from "./errors.ts";
import { SETTINGS, type SettingName, type SettingValues } from "./settings.ts";
import { ROLES } from "./roles.ts";
import { nearestName } from "./project/nearest-name.ts";

/** Everything that can be set, validated and frozen. `docs/CONFIG.md` describes each. */
export type Config = Readonly<SettingValues> & {
  /** The data folder, absolute. */
  readonly dataFolder: string;
};

export interface ConfigSources {
  /** The project's folder: where `.env` is read and `.headrace` is the default data folder. */
  readonly projectFolder: string;
  /** Values from the command line, by setting; they win over the environment. */
  readonly flags?: Partial<Record<SettingName, string>>;
  /** Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Names that Kubernetes injects into every container beside services named "headrace" and "headrace-clickhouse": not settings. */
const KUBERNETES_NAMES = /^HEADRACE_(CLICKHOUSE_)?(SERVICE_|PORT_)/;

/**
 * Reads flags, the environment and the project's `.env`, in this order of precedence.
 * @throws HeadraceError `config_invalid` for an unknown `HEADRACE_*` name or a bad value.
 */
export function loadConfig(sources: ConfigSources): Config {
  const env = sources.env ?? process.env;
  const file = readEnvFile(join(sources.projectFolder, ".env"));
  refuseUnknownNames({ ...file, ...env });

  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const [source, text] = findText(name as SettingName, { ...sources, env }, file);
    try {
      values[name] = text === undefined ? setting.default : setting.parse(text);
    } catch (error) {
      const shown = setting.secret ? "" : ` "${text}"`;
      throw new HeadraceError(
        "config_invalid",
        `${source}${shown}: ${error instanceof Error ? error.message : "bad value"}`,
      );
    }
  }
  const settings = values as unknown as SettingValues;
  refuseOpenListening(settings);
  refuseSplitRoles(settings);
  const inProject = (path: string): string => resolve(sources.projectFolder, path);
  const tokensFile = settings.tokensFile === undefined ? undefined : inProject(settings.tokensFile);
  return Object.freeze({ ...settings, tokensFile, dataFolder: inProject(settings.data) });
}

/** A setting that somebody has set. */
export interface GivenSetting {
  readonly name: SettingName;
  /** Where it is set: `--port`, `HEADRACE_PORT` or `HEADRACE_PORT in .env`. */
  readonly source: string;
  /** As it is written there; "hidden" when it may hold a secret. */
  readonly text: string;
}

/** What is set beside the defaults, unchecked. Throws `config_invalid` when `.env` can't be read. */
export function givenSettings(sources: ConfigSources): readonly GivenSetting[] {
  const file = readEnvFile(join(sources.projectFolder, ".env"));
  return Object.entries(SETTINGS).flatMap(([key, setting]) => {
    const name = key as SettingName;
    const [source, text] = findText(name, sources, file);
    return text === undefined ? [] : [{ name, source, text: setting.secret === true ? "hidden" : text }];
  });
}

/**
 * The store that a project is verified against, read by itself: whatever else is set concerns servers.
 * @throws HeadraceError `config_invalid`
 */
export function loadStoreUrl(sources: ConfigSources): string {
  const file = readEnvFile(join(sources.projectFolder, ".env"));
  const [source, text] = findText("storeUrl", sources, file);
  if (text === undefined) return SETTINGS.storeUrl.default;
  try {
    return SETTINGS.storeUrl.parse(text);
  } catch (error) {
    throw new HeadraceError("config_invalid", `${source}: ${messageOf(error)}`);
  }
}

/** How many of libuv's threads this process has. https://docs.libuv.org/en/v1.x/threadpool.html */
export function threadPoolSize(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const size = Number.parseInt(env["UV_THREADPOOL_SIZE"] ?? "4", 10);
  return Math.min(1024, Math.max(1, Number.isNaN(size) ? 1 : size));
}

/** Where the commands find the server, and with which token: they need no project. */
export function loadClientConfig(env: Readonly<Record<string, string | undefined>> = process.env): {
  readonly url: string;
  readonly token: string | undefined;
} {
  const [, port = String(SETTINGS.port.default)] = findText("port", { env }, {});
  const [, text = `http://127.0.0.1:${port}`] = firstOf(["HEADRACE_URL", env["HEADRACE_URL"]]);
  if (!URL.canParse(text) || !/^https?:/.test(text)) {
    throw new HeadraceError(
      "config_invalid",
      `HEADRACE_URL "${text}": expected a URL such as http://127.0.0.1:7070`,
    );
  }
  return { url: text.replace(/\/+$/, ""), token: readToken(env["HEADRACE_TOKEN"]) };
}

/** What an Authorization header can hold of a token (RFC 6750, 2.1). */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** A token from a file often ends in a newline. What else no header takes is refused here, where it isn't shown. */
function readToken(text: string | undefined): string | undefined {
  const token = text?.trim();
  if (token === undefined || token === "") return undefined;
  if (TOKEN.test(token)) return token;
  throw new HeadraceError("config_invalid", "HEADRACE_TOKEN holds characters that no token has");
}

/** Whether a command that fails also prints the stack: for whoever looks for a defect of ours. */
export function wantsStacks(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return env["HEADRACE_LOG_LEVEL"] === "debug" || env["HEADRACE_LOG_LEVEL"] === "trace";
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function refuseOpenListening({ host, tokens, tokensFile }: SettingValues): void {
  if (tokens !== undefined && tokensFile !== undefined) {
    throw new HeadraceError(
      "config_invalid",
      "HEADRACE_TOKENS and HEADRACE_TOKENS_FILE are both set, and only one can count: unset the other",
    );
  }
  if (tokens === undefined && tokensFile === undefined && !isLoopback(host)) {
    throw new HeadraceError("listen_refused", `HEADRACE_HOST "${host}" can be reached from other machines`);
  }
}

/** Processes with different parts meet in log and store, which must be servers then. */
function refuseSplitRoles({ roles, logUrl, storeUrl }: SettingValues): void {
  if (roles.length === ROLES.length) return;
  const split = `HEADRACE_ROLES "${roles.join(",")}" leaves parts to other processes`;
  if (logUrl.startsWith("file:")) {
    throw new HeadraceError(
      "config_invalid",
      `${split}, and they can't reach the embedded log: name a server with HEADRACE_LOG_URL, such as nats://127.0.0.1:4222`,
    );
  }
  const usesStore = roles.some((role) => role !== "ingest");
  if (usesStore && storeUrl.startsWith("chdb:")) {
    throw new HeadraceError(
      "config_invalid",
      `${split}, and they can't reach the embedded store: name a server with HEADRACE_STORE_URL, such as postgres://…`,
    );
  }
}

function refuseUnknownNames(env: Readonly<Record<string, string | undefined>>): void {
  const known = new Set<string>([
    "HEADRACE_URL",
    "HEADRACE_TOKEN",
    ...Object.values(SETTINGS).map((s) => s.env),
  ]);
  for (const name of Object.keys(env)) {
    if (!name.startsWith("HEADRACE_") || known.has(name) || KUBERNETES_NAMES.test(name)) continue;
    const near = nearestName(name, [...known]);
    throw new HeadraceError(
      "config_invalid",
      `${name} is no setting${near ? `; did you mean ${near}?` : ""}`,
    );
  }
}

function readEnvFile(path: string): Readonly<Record<string, string | undefined>> {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw new HeadraceError("config_invalid", `${path} can't be read`, { cause: error });
  }
}

/** Kubernetes sets HEADRACE_PORT=tcp://10.0.0.1:7070 beside a service named "headrace". */
function ignoreKubernetesPort(name: string, value: string | undefined): string | undefined {
  return /^HEADRACE_(?:CLICKHOUSE_)?PORT$/.test(name) && value?.startsWith("tcp://") ? undefined : value;
}

/** The text of a setting with where it stands; undefined when it is nowhere. */
function findText(
  name: SettingName,
  { env = process.env, flags }: Pick<ConfigSources, "env" | "flags">,
  file: Readonly<Record<string, string | undefined>>,
): readonly [string, string | undefined] {
  const variable = SETTINGS[name].env;
  return firstOf(
    [`--${kebab(name)}`, flags?.[name]],
    [variable, ignoreKubernetesPort(variable, env[variable])],
    [`${variable} in .env`, file[variable]],
  );
}

/** The first source that says something; an empty variable says nothing, as in most 12-factor programs. */
function firstOf(
  ...sources: readonly (readonly [string, string | undefined])[]
): readonly [string, string | undefined] {
  return sources.find(([, text]) => text !== undefined && text !== "") ?? ["", undefined];
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
