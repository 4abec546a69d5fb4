import type { Stream } from "../project/declarations.ts";
import type { TableSpec } from "./store.ts";

/** The table that a stream lands in. */
export function tableSpec({ name, description, schema, table, id }: Stream): TableSpec {
  return { name, description, schema, table, ...(id === undefined ? {} : { idWindow: id.window }) };
}
