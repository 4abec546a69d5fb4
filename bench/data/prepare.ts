import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";
import { finished } from "node:stream/promises";
import { once } from "node:events";
import { openParquet } from "../../src/cli/publish/parquet.ts";
import type { Lines } from "../load/job.ts";
import type { Order } from "./schemas.ts";

const FLIGHTS = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
const NO_PASS = "00000";
const LINE_FEED = Buffer.from("\n");

/** Writes the first flights of vega-datasets as NDJSON: about 134 bytes each. At most three million. */
export async function prepareFlights(file: string, count: number): Promise<Lines> {
  const source = await openParquet(FLIGHTS, {
    limit: count,
    // The pass comes first, so that it stands at the same place in every line.
    extraMembers: (row) => `"flight_id":"${NO_PASS}-${String(row).padStart(7, "0")}",`,
  });
  await writeLines(file, source.chunks);
  return { file, count: source.rows, passAt: '{"flight_id":"'.length };
}

/** Writes invented orders as NDJSON: about 1 kB each. */
export async function prepareOrders(file: string, count: number): Promise<Lines> {
  await writeLines(file, orderChunks(count));
  return { file, count, passAt: '{"order_id":"'.length };
}

async function writeLines(
  file: string,
  chunks: AsyncIterable<readonly Buffer[]> | Iterable<readonly Buffer[]>,
): Promise<void> {
  const out = createWriteStream(file);
  for await (const lines of chunks) {
    const block = Buffer.concat(lines.flatMap((line) => [line, LINE_FEED]));
    if (!out.write(block)) await once(out, "drain");
  }
  out.end();
  await finished(out);
}

function* orderChunks(count: number): Generator<Buffer[]> {
  for (let from = 0; from < count; from += 1_000) {
    const to = Math.min(count, from + 1_000);
    yield Array.from({ length: to - from }, (_, index) => Buffer.from(JSON.stringify(order(from + index))));
  }
}

function order(index: number): Order {
  return {
    // The pass takes the place of the first five digits.
    order_id: `${NO_PASS}000-e29b-41d4-a716-${index.toString(16).padStart(12, "0")}`,
    at: new Date(Date.UTC(2024, 0, 1) + index * 61_001).toISOString(),
    delay: index % 240,
    customer: {
      id: 70_000 + index,
      name: `Zoë Müller ${index}`,
      tags: ["returning", "newsletter", "express"],
      address: {
        street: `Aachener Straße ${index % 900}`,
        city: "Köln",
        zip: "50667",
        latitude: 50.938361,
        longitude: 6.959974,
      },
    },
    items: Array.from({ length: 6 }, (_, item) => ({
      sku: `SKU-${index % 1000}-${item}`,
      title: "A thing of some use, in blue",
      quantity: 1 + (item % 3),
      price: 19.99 + item,
      gift: item === 2,
    })),
    labels: { channel: "web", campaign: "spring-sale", region: "eu-west" },
    note: index % 2 === 0 ? null : "Please leave it with the neighbours",
  };
}
