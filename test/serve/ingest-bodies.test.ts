import { expect, test } from "vitest";
import { z } from "zod";
import { defineStream } from "../../src/project/define-stream.ts";
import { ingestBodies } from "../../src/serve/openapi/ingest-bodies.ts";

const event = { $ref: "#/components/schemas/Event_s" };

test("the OpenAPI document names every media type that ingest takes", () => {
  const stream = defineStream("s", { schema: z.object({ n: z.int32() }), table: { orderBy: ["n"] } });
  const bodies = ingestBodies(stream, event);
  expect(Object.keys(bodies)).toEqual([
    "application/json",
    "application/x-ndjson",
    "text/csv",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
  ]);
  expect(bodies["application/cloudevents+json"]).toMatchObject({ schema: { properties: { data: event } } });
});

test("a CloudEvent's data needn't have the fields that attributes fill", () => {
  const stream = defineStream("s", {
    schema: z.object({ n: z.int32(), at: z.iso.datetime().meta({ cloudevent: "time" }) }),
    table: { orderBy: ["n"] },
  });
  expect(ingestBodies(stream, event)["application/cloudevents+json"]).toMatchObject({
    schema: { properties: { data: { required: ["n"], properties: { n: {}, at: {} } } } },
  });
});
