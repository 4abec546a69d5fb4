/**
 * What validating an event costs: the generated validator against JSON.parse and Zod, for events of three sizes.
 * `node bench/validate.ts` prints a table of CPU time an event, medians of alternating rounds.
 */
import { z } from "zod";
import { createFastValidator } from "../src/project/fast-validator/fast-validator.ts";
import { createReferenceValidator } from "../src/project/reference-validator.ts";
import { eventTypeOf } from "../src/project/schema/stream-schema.ts";
import { SPLIT_DONE } from "../src/ingest/split/event-splitter.ts";
import { splitNdjson } from "../src/ingest/split/split-ndjson.ts";
import { MIB } from "../src/units.ts";
import { flightSchema } from "./data/schemas.ts";

const EVENTS = 20_000;
const ROUNDS = 9;
const LIMITS = { eventBytes: MIB, nesting: 32 };

interface Workload {
  readonly name: string;
  readonly schema: z.ZodObject;
  /** The event of a number. */
  readonly event: (index: number) => Record<string, unknown>;
}

const WORKLOADS: readonly Workload[] = [
  {
    name: "flight",
    schema: z.object(flightSchema.shape),
    event: (index) => ({
      flight_id: `flights-3m-${String(index).padStart(12, "0")}`,
      date: instant(index).toISOString(),
      delay: (index % 240) - 40,
      distance: 100 + (index % 2600),
      origin: "JFK",
      destination: "LAX",
    }),
  },
  {
    name: "page view",
    schema: z.object({
      event_id: z.uuid(),
      at: z.iso.datetime({ offset: true }),
      user_id: z.int64(),
      session: z.string().max(64),
      kind: z.enum(["view", "click", "scroll", "leave"]),
      url: z.string().max(2000),
      referrer: z.string().optional(),
      country: z.string().length(2),
      duration: z.number().min(0),
      mobile: z.boolean(),
      ip: z.ipv4(),
    }),
    event: (index) => ({
      event_id: uuid(index),
      at: instant(index).toISOString(),
      user_id: 1_000_000_000 + index * 7919,
      session: `s-${(index * 2_654_435_761) % 4_294_967_296}`,
      kind: ["view", "click", "scroll", "leave"][index % 4],
      url: `https://shop.example.org/category/${index % 90}/product/${index}?ref=mail`,
      ...(index % 3 === 0 ? {} : { referrer: "https://search.example.com/" }),
      country: ["DE", "US", "FR"][index % 3],
      duration: index / 8 + 0.25,
      mobile: index % 2 === 0,
      ip: `10.${index % 256}.${(index >> 8) % 256}.7`,
    }),
  },
  {
    name: "order, nested",
    schema: z.object({
      order_id: z.uuid(),
      at: z.iso.datetime({ offset: true }),
      customer: z.object({
        id: z.int64(),
        name: z.string(),
        tags: z.array(z.string()),
        address: z.object({ city: z.string(), zip: z.string(), latitude: z.number(), longitude: z.number() }),
      }),
      items: z.array(
        z.object({
          sku: z.string(),
          title: z.string(),
          quantity: z.int32(),
          price: z.number(),
          gift: z.boolean(),
        }),
      ),
      labels: z.record(z.string(), z.string()),
      note: z.string().nullable(),
    }),
    event: (index) => ({
      order_id: uuid(index),
      at: instant(index).toISOString(),
      customer: {
        id: 70_000 + index,
        name: `Zoë Müller ${index}`,
        tags: ["returning", "newsletter"],
        address: { city: "Köln", zip: "50667", latitude: 50.938361, longitude: 6.959974 },
      },
      items: Array.from({ length: 5 }, (_, item) => ({
        sku: `SKU-${index % 1000}-${item}`,
        title: "A thing of some use, in blue",
        quantity: 1 + (item % 3),
        price: 19.99 + item,
        gift: item === 2,
      })),
      labels: { channel: "web", campaign: "spring-sale", region: "eu-west" },
      note: index % 2 === 0 ? null : "Please leave it with the neighbours",
    }),
  },
];

function instant(index: number): Date {
  return new Date(Date.UTC(2024, 0, 1) + index * 61_001);
}

function uuid(index: number): string {
  return `550e8400-e29b-41d4-a716-${index.toString(16).padStart(12, "0")}`;
}

interface Contender {
  readonly name: string;
  /** Validates all events of the body and returns how many are good. */
  readonly run: () => number;
}

function contenders({ schema, event }: Workload): { bytes: number; list: readonly Contender[] } {
  const body = Buffer.from(
    Array.from({ length: EVENTS }, (_, index) => `${JSON.stringify(event(index))}\n`).join(""),
  );
  const ranges = rangesOf(body);
  const type = eventTypeOf(schema, "bench");
  const reference = createReferenceValidator(schema, type, LIMITS);
  const fast = createFastValidator(type, { validate: refuse }, LIMITS);
  const zodSchema = takesNumbers(schema);
  const count = (isGood: (start: number, end: number) => boolean) => (): number => {
    let good = 0;
    for (let at = 0; at < ranges.length; at += 2) {
      if (isGood(ranges[at] ?? 0, ranges[at + 1] ?? 0)) good++;
    }
    return good;
  };
  return {
    bytes: body.length / EVENTS,
    list: [
      { name: "split", run: () => rangesOf(body).length / 2 },
      { name: "fast", run: count((start, end) => fast.validate(body, start, end) === true) },
      {
        name: "JSON.parse",
        run: count((start, end) => JSON.parse(body.toString("utf8", start, end)) !== null),
      },
      {
        name: "parse + Zod",
        run: count(
          (start, end) => zodSchema.safeParse(JSON.parse(body.toString("utf8", start, end))).success,
        ),
      },
      {
        name: "reference",
        run: count((start, end) => Buffer.isBuffer(reference.validate(body, start, end))),
      },
    ],
  };
}

function refuse(): never {
  throw new Error("the fast path didn't take a good event");
}

/** Zod's int64 takes only bigints, which JSON.parse doesn't give. */
function takesNumbers(schema: z.ZodObject): z.ZodObject {
  const fields = Object.entries(schema.shape).map(([name, field]): [string, z.core.$ZodType] => {
    if (field instanceof z.ZodObject) return [name, takesNumbers(field)];
    return [name, field instanceof z.ZodBigInt ? z.int() : field];
  });
  return z.object(Object.fromEntries(fields));
}

function rangesOf(body: Buffer): number[] {
  const ranges: number[] = [];
  const splitter = splitNdjson(body, { events: EVENTS });
  for (let count = splitter.next(); count !== SPLIT_DONE; count = splitter.next()) {
    for (let index = 0; index < 2 * count; index++) ranges.push(splitter.ranges[index] ?? 0);
  }
  return ranges;
}

/** CPU time of one run in microseconds an event. */
function measure({ name, run }: Contender): number {
  const before = process.cpuUsage();
  const good = run();
  const { user, system } = process.cpuUsage(before);
  if (good !== EVENTS) throw new Error(`${name} took ${good} of ${EVENTS} events`);
  return (user + system) / EVENTS;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

for (const workload of WORKLOADS) {
  const { bytes, list } = contenders(workload);
  const times = new Map(list.map((contender) => [contender.name, [] as number[]]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const contender of list) {
      const time = measure(contender);
      // The first round is for the compiler.
      if (round > 0) times.get(contender.name)?.push(time);
    }
  }
  const rows = list.map(({ name }) => {
    const own = times.get(name) ?? [];
    const ratio = median(times.get("parse + Zod") ?? []) / median(own);
    return {
      name,
      "µs an event": median(own).toFixed(3),
      min: Math.min(...own).toFixed(3),
      max: Math.max(...own).toFixed(3),
      "× parse + Zod": ratio.toFixed(1),
    };
  });
  console.log(`${workload.name}, ${bytes.toFixed(0)} bytes`);
  console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])));
}
