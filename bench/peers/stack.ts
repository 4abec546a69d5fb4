/** What the two TypeScript stacks have in common: Fastify, Zod, and the same routes as Headrace. */
import Fastify, { type FastifyInstance } from "fastify";
import { z } from "zod";
import { flightSchema, orderSchema, type Flight, type Order } from "../data/schemas.ts";
import { MIB } from "../../src/units.ts";

const ERRORS_MAX = 100;

export interface Database {
  /** Resolves when the rows are as durable as the database makes them. */
  insertFlights(flights: readonly Flight[]): Promise<void>;
  insertOrders?(orders: readonly Order[]): Promise<void>;
  delaysByOrigin(params: EndpointParams): Promise<readonly unknown[]>;
  count(table: "flights" | "orders"): Promise<number>;
}

const endpointParams = z.object({
  from: z.iso.date().optional(),
  origin: z.string().length(3).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
});

export type EndpointParams = z.output<typeof endpointParams>;

interface Batch<T> {
  readonly good: T[];
  readonly errors: { index: number; message: string }[];
  rejected: number;
}

export function createStack(database: Database): FastifyInstance {
  const app = Fastify({ bodyLimit: 32 * MIB });
  app.addContentTypeParser("application/x-ndjson", { parseAs: "string" }, (_request, body, done) => {
    done(
      null,
      (body as string).split("\n").filter((line) => line !== ""),
    );
  });

  app.post("/v1/streams/flights/events", async (request, reply) => {
    const batch = judge(request.body, flightSchema);
    if (batch.good.length > 0) await database.insertFlights(batch.good);
    return reply.code(batch.good.length > 0 ? 202 : 422).send(answer(batch));
  });
  app.post("/v1/streams/orders/events", async (request, reply) => {
    const batch = judge(request.body, orderSchema);
    if (batch.good.length > 0) await database.insertOrders?.(batch.good);
    return reply.code(batch.good.length > 0 ? 202 : 422).send(answer(batch));
  });
  app.get("/v1/endpoints/delays_by_origin", async (request, reply) => {
    const params = endpointParams.safeParse(request.query);
    if (!params.success) return reply.code(400).send({ error: z.prettifyError(params.error) });
    const data = await database.delaysByOrigin(params.data);
    return reply.send({ data, rows: data.length });
  });
  app.get<{ Params: { table: "flights" | "orders" } }>("/count/:table", async (request) => ({
    count: await database.count(request.params.table),
  }));
  return app;
}

/** One event as JSON, an array of them, or the lines of NDJSON. */
function judge<T>(body: unknown, schema: z.ZodType<T>): Batch<T> {
  const batch: Batch<T> = { good: [], errors: [], rejected: 0 };
  const events: readonly unknown[] = Array.isArray(body) ? (body as unknown[]) : [body];
  for (const [index, event] of events.entries()) {
    const result = schema.safeParse(typeof event === "string" ? parsed(event) : event);
    if (result.success) batch.good.push(result.data);
    else {
      batch.rejected++;
      if (batch.errors.length < ERRORS_MAX)
        batch.errors.push({ index, message: result.error.issues[0]?.message ?? "" });
    }
  }
  return batch;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function answer<T>({ good, rejected, errors }: Batch<T>): object {
  return { accepted: good.length, rejected, errors };
}

/** Listens on a port that the system chooses, says it, and stops on SIGTERM. */
export async function serve(app: FastifyInstance, close: () => Promise<void>): Promise<void> {
  await app.listen({ host: "127.0.0.1", port: 0 });
  const address = app.server.address();
  console.log(`ready ${typeof address === "object" ? address?.port : ""}`);
  process.once("SIGTERM", () => {
    app.server.closeAllConnections();
    void app
      .close()
      .then(close)
      .finally(() => process.exit(0));
  });
}
