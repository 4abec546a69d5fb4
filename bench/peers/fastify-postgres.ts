/**
 * The TypeScript stack that a team would write: Fastify, Zod, `pg`, a multi-row insert for each request.
 * `node fastify-postgres.ts <connection string>`
 */
import { Pool } from "pg";
import type { Flight, Order } from "../data/schemas.ts";
import { createStack, serve, type EndpointParams } from "./stack.ts";

const pool = new Pool({ connectionString: process.argv[2], max: 10 });

// A primary key makes a request that is sent again count once; the index is for the endpoint.
await pool.query(`
  CREATE TABLE IF NOT EXISTS flights (
    flight_id text PRIMARY KEY, date timestamptz NOT NULL, delay int NOT NULL, distance int,
    origin text NOT NULL, destination text NOT NULL);
  CREATE INDEX IF NOT EXISTS flights_origin_date ON flights (origin, date);
  CREATE TABLE IF NOT EXISTS orders (
    order_id uuid PRIMARY KEY, at timestamptz NOT NULL, delay int NOT NULL, customer jsonb NOT NULL, items jsonb NOT NULL,
    labels jsonb NOT NULL, note text);
  CREATE INDEX IF NOT EXISTS orders_at ON orders (at)`);

// An array for each column and a named statement: one plan for batches of any size, the quickest multi-row insert there is.
const INSERT_FLIGHTS = {
  name: "insert-flights",
  text: `INSERT INTO flights
    SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::int[], $4::int[], $5::text[], $6::text[])
    ON CONFLICT DO NOTHING`,
};
const INSERT_ORDERS = {
  name: "insert-orders",
  text: `INSERT INTO orders
    SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::int[], $4::jsonb[], $5::jsonb[], $6::jsonb[], $7::text[])
    ON CONFLICT DO NOTHING`,
};

async function insertFlights(flights: readonly Flight[]): Promise<void> {
  const values = [
    flights.map((flight) => flight.flight_id),
    flights.map((flight) => flight.date),
    flights.map((flight) => flight.delay),
    flights.map((flight) => flight.distance ?? null),
    flights.map((flight) => flight.origin),
    flights.map((flight) => flight.destination),
  ];
  await pool.query({ ...INSERT_FLIGHTS, values });
}

async function insertOrders(orders: readonly Order[]): Promise<void> {
  const values = [
    orders.map((order) => order.order_id),
    orders.map((order) => order.at),
    orders.map((order) => order.delay),
    orders.map((order) => JSON.stringify(order.customer)),
    orders.map((order) => JSON.stringify(order.items)),
    orders.map((order) => JSON.stringify(order.labels)),
    orders.map((order) => order.note),
  ];
  await pool.query({ ...INSERT_ORDERS, values });
}

async function delaysByOrigin({ from, origin, limit }: EndpointParams): Promise<readonly unknown[]> {
  const values: unknown[] = [];
  const where: string[] = [];
  if (from !== undefined) where.push(`date >= $${values.push(from)}`);
  if (origin !== undefined) where.push(`origin = $${values.push(origin)}`);
  const text = `SELECT origin, count(*)::int AS flights, avg(delay)::float8 AS mean_delay FROM flights
    ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`}
    GROUP BY origin ORDER BY flights DESC, origin LIMIT $${values.push(limit)}`;
  const { rows } = await pool.query<Record<string, unknown>>({
    name: `delays-${from !== undefined}-${origin !== undefined}`,
    text,
    values,
  });
  return rows;
}

async function count(table: "flights" | "orders"): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`);
  return rows[0]?.n ?? 0;
}

await serve(createStack({ insertFlights, insertOrders, delaysByOrigin, count }), () => pool.end());
