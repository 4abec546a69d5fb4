import { afterAll, beforeAll, describe } from "vitest";
import { openStore } from "../../../src/store/open-store.ts";
import { postgresMissing, startPostgres, type PostgresServer } from "../../support/postgres-server.ts";
import { describeStoreContract } from "../contract.ts";
import { POSTGRES_WORDS } from "../words.ts";

describe.skipIf(postgresMissing() !== undefined)("PostgreSQL", () => {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await startPostgres({ settings: ["fsync = off"] });
  });
  afterAll(() => server?.remove());

  describeStoreContract(
    "PostgreSQL",
    () => {
      if (server === undefined) throw new Error("the server isn't there");
      return openStore(server.url(), { folder: "" });
    },
    POSTGRES_WORDS,
  );
});
