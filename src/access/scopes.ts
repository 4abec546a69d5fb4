import { didYouMean, nearestName } from "../project/nearest-name.ts";

/** What a route can ask for. After the colon stands the name of a stream (`ingest`, `events`) or endpoint (`read`). */
export type Scope = "sql" | "metrics" | "admin" | `ingest:${string}` | `read:${string}` | `events:${string}`;

/** Scopes that stand alone; `*` is all of them. */
const PLAIN = ["*", "sql", "metrics", "admin"];
/** Scopes of one stream or endpoint, or of every one: `ingest:flights`, `ingest:*`. */
const NAMED = ["ingest", "read", "events"];
const NAMED_SCOPE = /^([a-z]+):(\*|[a-z][a-z0-9_]*)$/;

/** What is wrong with a scope as somebody wrote it; undefined when nothing is. */
export function scopeProblem(scope: string): string | undefined {
  if (PLAIN.includes(scope)) return undefined;
  const kind = NAMED_SCOPE.exec(scope)?.[1];
  if (kind !== undefined && NAMED.includes(kind)) return undefined;
  const kinds = [...PLAIN, ...NAMED.map((one) => `${one}:<name or *>`)].join(", ");
  return `"${scope}" is no scope${hint(scope)}; there are ${kinds}`;
}

function hint(scope: string): string {
  const [kind = "", ...name] = scope.split(":");
  const near = nearestName(kind, name.length === 0 ? PLAIN : NAMED);
  return near === undefined ? "" : `; did you mean "${[near, ...name].join(":")}"?`;
}

/** What scopes may name. */
export interface NamedThings {
  readonly streams: readonly string[];
  readonly endpoints: readonly string[];
}

/** What a well-formed scope names that isn't there, for a warning; undefined when it names nothing, or what is there. */
export function unknownInScope(scope: string, { streams, endpoints }: NamedThings): string | undefined {
  const [kind = "", name = "*"] = scope.split(":");
  const [thing, names] = kind === "read" ? ["endpoint", endpoints] : ["stream", streams];
  if (name === "*" || names.includes(name)) return undefined;
  return `has the scope ${scope}, but there is no ${thing} "${name}"${didYouMean(name, names)}`;
}

/** Whether somebody who holds these scopes has the one that is needed. */
export function holdsScope(held: ReadonlySet<string>, needed: Scope): boolean {
  if (held.has("*") || held.has(needed)) return true;
  const colon = needed.indexOf(":");
  return colon > 0 && held.has(`${needed.slice(0, colon)}:*`);
}
