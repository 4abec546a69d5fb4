import { MIB, SECOND } from "../../units.ts";
import type { Store } from "../../store/store.ts";
import { readRows } from "../read-rows.ts";

/**
 * Functions that PostgreSQL calls stable because they depend on the connection's settings, such as its time zone, which are
 * always the same here. Not those that read the clock or take a text for a time.
 */
const OF_SETTINGS = new Set(
  (
    "array_to_json array_to_string concat concat_ws date_part date_trunc extract format generate_series json_agg json_object_agg " +
    "jsonb_agg jsonb_object_agg json_build_array json_build_object jsonb_build_array jsonb_build_object json_populate_record " +
    "json_populate_recordset jsonb_populate_record jsonb_populate_recordset json_to_record json_to_recordset jsonb_to_record " +
    "jsonb_to_recordset length make_timestamptz overlaps quote_literal quote_nullable row_to_json timezone to_char to_date " +
    "to_json to_jsonb to_number to_timestamp"
  ).split(" "),
);

/** A name counts when all functions of that name do, in whichever schema: which one is called depends on the types. */
const FUNCTIONS_SQL =
  "SELECT lower(proname) AS function, bool_and(provolatile = 'i') AS pure, " +
  "bool_and(pronamespace = 'pg_catalog'::regnamespace) AS own FROM pg_catalog.pg_proc GROUP BY 1";

const LIMITS = { time: 10 * SECOND, memory: 512 * MIB, rows: 20_000, bytes: 4 * MIB };

/** Names of functions, in small letters, whose result depends on their arguments alone. */
export async function pureInPostgres(store: Store): Promise<ReadonlySet<string>> {
  const rows = await readRows(store, { text: FUNCTIONS_SQL, params: {} }, LIMITS);
  return new Set(
    rows.flatMap(({ function: name, pure, own }) => {
      if (typeof name !== "string") return [];
      return pure === true || (own === true && OF_SETTINGS.has(name)) ? [name] : [];
    }),
  );
}
