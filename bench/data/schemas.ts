import { z } from "zod";

/** As in examples/flights. The peers validate with the same schemas. */
export const flightSchema = z.strictObject({
  flight_id: z.string(),
  date: z.iso.datetime({ offset: true }),
  delay: z.int32(),
  distance: z.int32().optional(),
  origin: z.string().length(3),
  destination: z.string().length(3),
});

export type Flight = z.infer<typeof flightSchema>;

/** About 1 kB, nested. Only types that JSON.parse gives: no 64-bit integers. */
export const orderSchema = z.strictObject({
  order_id: z.uuid(),
  at: z.iso.datetime({ offset: true }),
  delay: z.int32(),
  customer: z.strictObject({
    id: z.int32(),
    name: z.string(),
    tags: z.array(z.string()),
    address: z.strictObject({
      street: z.string(),
      city: z.string(),
      zip: z.string(),
      latitude: z.number(),
      longitude: z.number(),
    }),
  }),
  items: z.array(
    z.strictObject({
      sku: z.string(),
      title: z.string(),
      quantity: z.int32(),
      price: z.number(),
      gift: z.boolean(),
    }),
  ),
  labels: z.record(z.string(), z.string()),
  note: z.string().nullable(),
});

export type Order = z.infer<typeof orderSchema>;
