import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { HeadraceError } from "../../errors.ts";
import type { Stream } from "../../project/declarations.ts";
import type { QueryLimits, Store } from "../../store/store.ts";
import { STALLED_CLIENT_MAX } from "../send-outcome.ts";
import { fenceOf } from "../sql/fence-of.ts";
import type { Turns } from "../sql/turns.ts";
import { readCatalog } from "./catalog.ts";
import { passwordOf } from "./credentials.ts";
import { databasesOf } from "./prepare-query.ts";
import { ProtocolRoute } from "./protocol-route.ts";

export interface ProtocolDeps {
  /** The project's name: another name of the database. */
  readonly project: string;
  /** What may be read. */
  readonly streams: readonly Stream[];
  readonly store: Store;
  readonly limits: QueryLimits;
  /** Shared with `POST /v1/sql`. */
  readonly turns: Turns;
  /** Milliseconds after which a client that takes nothing is cut off. Default `STALLED_CLIENT_MAX`. */
  readonly stalledMax?: number;
}

/** ClickHouse's HTTP protocol, for a server of its own. https://clickhouse.com/docs/interfaces/http */
export interface Protocol {
  /** Registers its routes: `/`, `/ping` and `/replicas_status`. */
  register(app: FastifyInstance): void;
  /** Answers an error as ClickHouse does. */
  readonly sendError: (reply: FastifyReply, error: HeadraceError) => FastifyReply;
  /** Where a request has its token. */
  readonly tokenOf: (request: FastifyRequest) => string | undefined;
}

/**
 * Asks the store what tools will want to know.
 * @throws HeadraceError `config_invalid` when the store doesn't speak ClickHouse's formats.
 */
export async function openProtocol(deps: ProtocolDeps): Promise<Protocol> {
  const { project, streams, store, limits, turns, stalledMax = STALLED_CLIENT_MAX } = deps;
  const run = store.rawQuery?.bind(store);
  if (run === undefined) {
    throw new HeadraceError(
      "config_invalid",
      "HEADRACE_CLICKHOUSE_PORT: the store isn't ClickHouse, so neither its SQL nor its formats can be given; unset it",
    );
  }
  const catalog = await readCatalog(store, streams);
  const context = { catalog, databases: databasesOf(project), limits };
  const fence = fenceOf(streams);
  const route = new ProtocolRoute({ name: project, context, fence, run, turns, stalledMax });
  return {
    register: (app) => route.register(app),
    sendError: (reply, error) => route.sendError(reply, error),
    tokenOf: passwordOf,
  };
}
