import { createHash } from "node:crypto";
import type { z } from "zod";
import type { StreamSchema } from "../column.ts";
import type { EventType } from "../wire-type.ts";
import { isLoose, readFields } from "./read-value.ts";
import { refuseOverwrite } from "./unsupported.ts";
import { checksOf } from "./zod-checks.ts";

/** The rules for an event on the wire. Throws `schema_unsupported` naming stream, field and the way out. */
export function eventTypeOf(schema: z.ZodObject, stream: string): EventType {
  const place = { stream, path: "" };
  refuseOverwrite(schema, place);
  return {
    fields: readFields(schema, place, []),
    loose: isLoose(schema, place),
    slow: checksOf(schema).length > 0,
  };
}

/** The columns of an event, as they travel with the batches. */
export function streamSchemaOf(event: EventType, idField: string | undefined): StreamSchema {
  const columns = event.fields.map((field) => field.column);
  const id = idField === undefined ? {} : { idField };
  const fingerprint = createHash("sha256")
    .update(JSON.stringify({ columns, ...id }))
    .digest("hex")
    .slice(0, 16);
  return { fingerprint, columns, ...id };
}
