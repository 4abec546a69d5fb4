import { z } from "zod";
import { defineStream } from "../../../src/project/define-stream.ts";

/** Streams whose fields take attributes, and one that takes none. */
export const CLOUD_EVENT_STREAMS = [
  defineStream("orders", {
    schema: z.object({
      order: z.string(),
      amount: z.number().optional(),
      at: z.iso.datetime({ offset: true }).optional().meta({ cloudevent: "time" }),
      about: z.string().optional().meta({ cloudevent: "subject" }),
      shard: z.int32().meta({ cloudevent: "shardno" }).optional(),
      live: z.boolean().default(false).meta({ cloudevent: "live" }),
    }),
    table: { orderBy: ["order"] },
  }),
  defineStream("plain", {
    schema: z.object({ n: z.int32() }),
    table: { orderBy: ["n"] },
  }),
];
