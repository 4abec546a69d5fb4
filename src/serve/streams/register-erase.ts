import type { FastifyInstance, FastifyRequest } from "fastify";
import { HeadraceError } from "../../errors.ts";
import type { Loader, WhatToErase } from "../../load/load.ts";
import type { Stream } from "../../project/declarations.ts";
import type { AdminAudit } from "../../rejected/admin-audit.ts";
import { REJECTED_TABLE, rejectedContaining, rejectedWhere } from "../../rejected/rejected-table.ts";
import type { StreamLocks } from "../../rejected/stream-locks.ts";
import type { RowSelection, Store } from "../../store/store.ts";
import { SECOND } from "../../units.ts";
import { streamParam } from "./stream-param.ts";

/** How long an answer waits for the rows to be gone, in milliseconds; they go all the same. */
const ERASE_TIMEOUT = 30 * SECOND;
/** The longest text that rejected events are looked for by, and the shortest: a letter or two would stand in all. */
const REJECTED_TEXT_MAX = 1_000;
const REJECTED_TEXT_MIN = 3;

export interface ServeEraseDeps {
  readonly streams: readonly Stream[];
  readonly store: Pick<Store, "erase">;
  readonly loader: Pick<Loader, "erase">;
  readonly locks: Pick<StreamLocks, "hold">;
  readonly audit?: AdminAudit;
  /** Default: half a minute. */
  readonly timeout?: number;
}

/** Registers `DELETE /v1/streams/:stream/events` and `POST /v1/streams/:stream/reset`. */
export function registerErase(app: FastifyInstance, deps: ServeEraseDeps): void {
  const streamOf = streamParam(deps.streams);
  const config = { scope: "admin" } as const;
  app.delete("/v1/streams/:stream/events", { config }, async (request, reply) => {
    const stream = streamOf(request);
    const { what, dryRun } = readQuery(request.query);
    void reply.header("cache-control", "no-store");
    const would = await dryRunOf(deps, stream, what);
    if (dryRun) return reply.send({ dry_run: true, ...would });
    return reply.send(await erase(deps, request, { action: "delete", stream, what }));
  });
  app.post("/v1/streams/:stream/reset", { config }, async (request, reply) => {
    const stream = streamOf(request);
    checkConfirmation(request.body, stream);
    const what = { kind: "all" } as const;
    void reply.header("cache-control", "no-store");
    return reply.send(await erase(deps, request, { action: "reset", stream, what }));
  });
}

interface EraseAction {
  readonly action: "delete" | "reset";
  readonly stream: string;
  readonly what: WhatToErase;
}

/** The answer: null for what isn't known in time, because it is still to be done. */
async function erase(deps: ServeEraseDeps, request: FastifyRequest, { action, stream, what }: EraseAction) {
  try {
    const timeout = deps.timeout ?? ERASE_TIMEOUT;
    const counts = await deps.locks.hold(stream, () => deps.loader.erase(stream, what, timeout));
    deps.audit?.(
      request.caller,
      action,
      stream,
      "done",
      counts === undefined ? { pending: true } : { rows: counts.rows, rejected: counts.rejected },
    );
    return { deleted: counts?.rows ?? null, rejected_deleted: counts?.rejected ?? null };
  } catch (error) {
    const begun = error instanceof HeadraceError && error.code === "condition_invalid";
    deps.audit?.(request.caller, action, stream, begun ? "failed" : "refused");
    throw error;
  }
}

/** How many there are now; and the condition is checked and computed once before anything is decided. */
async function dryRunOf({ store }: ServeEraseDeps, stream: string, what: SomeToErase) {
  const { where, rejected } = what;
  const count = (table: string, rows: RowSelection) => store.erase(table, rows, { dryRun: true });
  const own = { equal: { stream } };
  const fits = where === undefined ? undefined : rejectedWhere(stream, where);
  const contains = rejected === undefined ? undefined : { containing: rejectedContaining(rejected) };
  const rows = where === undefined ? 0 : await count(stream, { where });
  const counts = [
    fits === undefined ? 0 : await count(REJECTED_TABLE, fits),
    contains === undefined ? 0 : await count(REJECTED_TABLE, { ...own, ...contains }),
    // Those that are both were counted twice.
    fits === undefined || contains === undefined
      ? 0
      : -(await count(REJECTED_TABLE, { ...fits, ...contains })),
  ];
  return { deleted: rows, rejected_deleted: counts.reduce((sum, one) => sum + one, 0) };
}

type SomeToErase = Extract<WhatToErase, { readonly kind: "some" }>;

function readQuery(query: unknown): { readonly what: SomeToErase; readonly dryRun: boolean } {
  const { where, rejected, dry_run: dryRun, ...others } = (query ?? {}) as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw bad(unknown, `There is no parameter "${unknown}"; there are where, rejected and dry_run`);
  }
  if (where === undefined && rejected === undefined) {
    throw bad("where", "Say what to erase: where, an expression over the columns, or rejected, a text");
  }
  if (dryRun !== undefined && dryRun !== "true" && dryRun !== "false") {
    throw bad("dry_run", "dry_run is true or false");
  }
  return {
    what: {
      kind: "some",
      ...(where === undefined ? {} : { where: single("where", where) }),
      ...(rejected === undefined ? {} : { rejected: rejectedText(single("rejected", rejected)) }),
    },
    dryRun: dryRun === "true",
  };
}

function rejectedText(text: string): string {
  if (text.length >= REJECTED_TEXT_MIN && text.length <= REJECTED_TEXT_MAX) return text;
  throw bad("rejected", `rejected must have ${REJECTED_TEXT_MIN} to ${REJECTED_TEXT_MAX} characters`);
}

function checkConfirmation(body: unknown, stream: string): void {
  const isObject = typeof body === "object" && body !== null;
  const keys = isObject ? Object.keys(body) : [];
  if (isObject && "confirm" in body && body.confirm === stream && keys.length === 1) return;
  throw bad("confirm", `Everything of ${stream} would go: confirm with the body {"confirm": "${stream}"}`);
}

function single(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw bad(name, `${name} was given more than once`);
}

function bad(parameter: string, message: string): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter } });
}
