import { randomBytes } from "node:crypto";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";
import type { PostgresServer } from "../../support/postgres-server.ts";

/** An empty store in a schema of its own, with the schema's name for looking behind it. */
export async function openInSchema(
  server: PostgresServer,
  more = "",
): Promise<{ readonly store: Store; readonly schema: string }> {
  const schema = `test_${randomBytes(6).toString("hex")}`;
  const store = await openStore(server.url(`schema=${schema}${more === "" ? "" : `&${more}`}`), {
    folder: "",
  });
  return { store, schema };
}
