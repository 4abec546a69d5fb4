import type { Stream } from "../project/declarations.ts";
import { defaultTexts } from "../project/default-texts.ts";
import type { TableSpec } from "./store.ts";

/** The table that a stream lands in. */
export function tableSpec(stream: Stream): TableSpec {
  const { name, description, schema, table, id } = stream;
  const idWindow = id === undefined ? {} : { idWindow: id.window };
  return { name, description, schema, table, ...idWindow, defaults: defaultTexts(stream) };
}
