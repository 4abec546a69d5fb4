import { SYSTEM_COLUMNS } from "../../project/column.ts";
import type { Stream } from "../../project/declarations.ts";
import type { QueryFence } from "../../store/store.ts";

/** SQL from outside may read the declared streams, with the columns that every table has beside theirs. */
export function fenceOf(streams: readonly Stream[]): QueryFence {
  const ours = Object.values(SYSTEM_COLUMNS);
  return {
    tables: streams.map(({ name, schema }) => ({
      name,
      columns: [...schema.columns.map((column) => column.name), ...ours],
    })),
  };
}
