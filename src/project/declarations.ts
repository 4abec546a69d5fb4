import type { z } from "zod";
import type { StreamSchema } from "./column.ts";
import type { Sql } from "./sql.ts";

/** What `defineStream` returns: the declaration, checked and with its defaults filled in. */
export interface Stream<Schema extends z.ZodObject = z.ZodObject> {
  readonly kind: "stream";
  /** `[a-z][a-z0-9_]*`, at most 64 characters: part of URLs, file names and SQL. */
  readonly name: string;
  readonly description: string;
  /** The declared Zod schema. */
  readonly zod: Schema;
  /** The columns that it gives; what the log and the store work with. */
  readonly schema: StreamSchema;
  readonly id: StreamId | undefined;
  /** The promise from accept to queryable, in milliseconds. Default 1000. */
  readonly freshness: number;
  readonly table: TableOptions;
}

export interface StreamId {
  readonly field: string;
  /** How long a second event with the same id counts as a duplicate, in milliseconds. Default one day. */
  readonly window: number;
}

export interface TableOptions {
  /** The store's sort key: names of required columns. */
  readonly orderBy: readonly string[];
  readonly partitionBy:
    { readonly unit: "day" | "week" | "month" | "year"; readonly column: string } | undefined;
  readonly ttl: { readonly count: number; readonly unit: TtlUnit; readonly column: string } | undefined;
}
export type TtlUnit = "hour" | "day" | "week" | "month" | "year";

/** What `defineEndpoint` returns. */
export interface Endpoint<Params extends z.ZodObject = z.ZodObject> {
  readonly kind: "endpoint";
  readonly name: string;
  readonly description: string;
  readonly params: Params;
  /**
   * Builds the SQL for one request's parameters. Called with the params schema's output. A method, so that endpoints
   * with parameters of their own fit into one list.
   */
  query(this: void, params: z.output<Params>): Sql;
  readonly limits: EndpointLimits;
}

/** What one answer may cost; past it the query is stopped. */
export interface EndpointLimits {
  /** Milliseconds of running time. Default 10 s. Past it: 504. */
  readonly time: number;
  /** Bytes of memory in the engine. Default 1 GiB. Past it: 507. */
  readonly memory: number;
  /** Rows of the answer. Default 1,000,000. Past it: 507, or a cut connection when rows were sent already. */
  readonly rows: number;
  /** Bytes of the answer before compression. Default 256 MiB. Past it: as for rows. */
  readonly bytes: number;
}

/** What `defineProject` returns, and a `headrace.config.ts` exports by default. */
export interface Project {
  readonly kind: "project";
  readonly name: string;
  readonly description: string;
  readonly streams: readonly Stream[];
  readonly endpoints: readonly Endpoint[];
}

/** The type of one event of a stream as a producer sends it: `EventOf<typeof flights>`. */
export type EventOf<S extends Stream> = z.input<S["zod"]>;

/** The type of an endpoint's parameters as `query` sees them: `ParamsOf<typeof delays>`. */
export type ParamsOf<E extends Endpoint> = z.output<E["params"]>;
