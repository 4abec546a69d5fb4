import type { FastifyInstance, FastifyRequest } from "fastify";
import { HeadraceError } from "../../errors.ts";
import type { Loader } from "../../load/load.ts";
import type { RebuildStatus } from "../../load/rebuild/rebuilds.ts";
import type { Stream } from "../../project/declarations.ts";
import type { AdminAudit } from "../../rejected/admin-audit.ts";
import type { StreamLocks } from "../../rejected/stream-locks.ts";
import { streamParam } from "./stream-param.ts";
import { describeRebuild, outcomeOf } from "./describe-rebuild.ts";

export interface ServeRebuildDeps {
  readonly streams: readonly Stream[];
  readonly loader: Pick<Loader, "rebuilds">;
  readonly locks: Pick<StreamLocks, "hold">;
  readonly audit?: AdminAudit;
}

/**
 * Registers `POST /v1/streams/:stream/rebuild`, which answers when the rebuild has begun, and `DELETE`, which stops it. How far it is
 * stands in `GET /v1/streams/:stream`: whoever lost the connection looks there.
 */
export function registerRebuild(app: FastifyInstance, deps: ServeRebuildDeps): void {
  const streamOf = streamParam(deps.streams);
  const { rebuilds } = deps.loader;
  const config = { scope: "admin" } as const;
  app.post("/v1/streams/:stream/rebuild", { config }, async (request, reply) => {
    const stream = streamOf(request);
    const { dryRun, allowPartial } = readQuery(request.query);
    void reply.header("cache-control", "no-store");
    if (dryRun) {
      const plan = await deps.locks.hold(stream, () => rebuilds.plan(stream));
      const { rows, fromLog, copied, lost, toLoad, refused = null } = plan;
      return reply.send({ dry_run: true, rows, from_log: fromLog, copied, lost, to_load: toLoad, refused });
    }
    const status = await begin(deps, request, stream, allowPartial);
    return reply.code(202).send({ rebuild: describeRebuild(status) });
  });
  app.delete("/v1/streams/:stream/rebuild", { config }, async (request, reply) => {
    const status = await rebuilds.cancel(streamOf(request));
    return reply.header("cache-control", "no-store").send({ rebuild: describeRebuild(status) });
  });
}

/** The stream's lock is held until the rebuild has ended, long after the answer. */
async function begin(
  { loader, locks, audit }: ServeRebuildDeps,
  request: FastifyRequest,
  stream: string,
  allowPartial: boolean,
): Promise<RebuildStatus> {
  const { caller } = request;
  const begun = Promise.withResolvers<RebuildStatus>();
  const whole = locks.hold(stream, async () => {
    const { status, ended } = await loader.rebuilds.begin(stream, { allowPartial });
    begun.resolve(status);
    const { state, outcome } = await ended;
    audit?.(
      caller,
      "rebuild",
      stream,
      state === "done" ? "done" : "failed",
      outcome === undefined ? {} : outcomeOf(outcome),
    );
  });
  whole.catch((error: unknown) => {
    audit?.(caller, "rebuild", stream, "refused");
    begun.reject(error);
  });
  return begun.promise;
}

function readQuery(query: unknown): { readonly dryRun: boolean; readonly allowPartial: boolean } {
  const {
    dry_run: dryRun,
    allow_partial: allowPartial,
    ...others
  } = (query ?? {}) as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw bad(unknown, `There is no parameter "${unknown}"; there are dry_run and allow_partial`);
  }
  return { dryRun: flag("dry_run", dryRun), allowPartial: flag("allow_partial", allowPartial) };
}

function flag(name: string, value: unknown): boolean {
  if (value === undefined || value === "true" || value === "false") return value === "true";
  throw bad(name, `${name} is true or false`);
}

function bad(parameter: string, message: string): HeadraceError {
  return new HeadraceError("bad_parameter", message, { details: { parameter } });
}
