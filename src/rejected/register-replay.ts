import type { FastifyInstance, FastifyRequest } from "fastify";
import { HeadraceError } from "../errors.ts";
import type { Stream } from "../project/declarations.ts";
import type { EventValidator } from "../project/event-validator.ts";
import { unknownName } from "../project/unknown-name.ts";
import type { AdminAudit, AdminOutcome } from "./admin-audit.ts";
import { instantOf } from "./instant.ts";
import { REPLAY_LIMIT_MAX, replayRejected, type ReplayDeps, type ReplayOptions } from "./replay.ts";
import { REPLAY_IDS_MAX } from "./rejected-selection.ts";
import type { StreamLocks } from "./stream-locks.ts";

export interface ServeReplayDeps extends ReplayDeps {
  readonly streams: ReadonlyMap<
    string,
    { readonly stream: Pick<Stream, "name">; readonly validator: EventValidator }
  >;
  readonly locks: Pick<StreamLocks, "hold">;
  readonly audit?: AdminAudit;
  readonly observer?: ReplayObserver;
}

/** Called by replays; must not throw. */
export interface ReplayObserver {
  replayed?(stream: string, replayed: number, stillRejected: number): void;
}

/** Registers `POST /v1/streams/:stream/rejected/replay`. */
export function registerReplay(app: FastifyInstance, deps: ServeReplayDeps): void {
  const config = { scope: "admin" } as const;
  app.post("/v1/streams/:stream/rejected/replay", { config }, async (request, reply) => {
    const { stream: name } = request.params as { readonly stream: string };
    const target = deps.streams.get(name);
    if (target === undefined) throw unknownName("stream", name, deps.streams.keys());
    const wanted = readBody(request);
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    const audit = (outcome: AdminOutcome, details?: Readonly<Record<string, number>>): void =>
      deps.audit?.(request.caller, "replay", name, outcome, details);
    try {
      const answer = await deps.locks.hold(name, () =>
        replayRejected(deps, { ...wanted, stream: name, validator: target.validator, signal: gone.signal }),
      );
      const { replayed, still_rejected } = answer;
      audit("done", { replayed, still_rejected });
      deps.observer?.replayed?.(name, replayed, still_rejected);
      return await reply.header("cache-control", "no-store").send(answer);
    } catch (error) {
      audit(error instanceof HeadraceError && error.code === "stream_busy" ? "refused" : "failed");
      throw error;
    }
  });
}

type Wanted = Pick<ReplayOptions, "selection" | "limit" | "cursor">;

/** {ids | code | before}, at least one of them; {limit, cursor}. */
function readBody({ body }: FastifyRequest): Wanted {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw bad("body", "The body must be a JSON object with ids, code or before");
  }
  const { ids, code, before, limit, cursor, ...others } = body as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw bad(unknown, `There is no "${unknown}"; there are ids, code, before, limit and cursor`);
  }
  if (ids === undefined && code === undefined && before === undefined) {
    throw bad("body", "Say which rejected events: ids, code or before");
  }
  return {
    selection: {
      ...(ids === undefined ? {} : { ids: idsOf(ids) }),
      ...(code === undefined ? {} : { code: textOf("code", code) }),
      ...(before === undefined ? {} : { before: instantOf("before", textOf("before", before)) }),
    },
    ...(limit === undefined ? {} : { limit: limitOf(limit) }),
    ...(cursor === undefined ? {} : { cursor: textOf("cursor", cursor) }),
  };
}

function idsOf(value: unknown): readonly string[] {
  const isList = Array.isArray(value) && value.every((id) => typeof id === "string");
  if (isList && value.length > 0 && value.length <= REPLAY_IDS_MAX) return value;
  throw bad("ids", `ids must be a list of 1 to ${REPLAY_IDS_MAX} ids of rejected events`);
}

function limitOf(value: unknown): number {
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= REPLAY_LIMIT_MAX)
    return Number(value);
  throw bad("limit", `limit must be a whole number from 1 to ${REPLAY_LIMIT_MAX}`);
}

function textOf(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw bad(name, `${name} must be a text`);
}

function bad(parameter: string, message: string): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter } });
}
