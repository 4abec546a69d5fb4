import type { BoundSql } from "../../project/sql.ts";
import type { StandIns } from "../../store/store.ts";
import type { Catalog } from "./catalog.ts";
import { informationSchema } from "./information-schema.ts";
import { systemViews } from "./system-views.ts";
import { DATABASE, DATABASE_PARAMETER, VIEW_PARAMETER } from "./view.ts";

export interface Asker {
  /** The database's name, as the request has it. */
  readonly database: string;
  /** All names that it goes by. */
  readonly databases: readonly string[];
  readonly user: string;
}

/** What SQL in ClickHouse's protocol may name beside the streams: tables that tools read, and functions that tell of the server. */
export class StandInsOf {
  readonly #catalog: Catalog;
  /** By the database's name, of which there are two: they are the same for every request. */
  readonly #tables = new Map<string, StandIns["tables"]>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  for(asker: Asker): StandIns {
    const { database, databases } = asker;
    const tables =
      this.#tables.get(database) ??
      new Map([...systemViews(this.#catalog, database), ...informationSchema(this.#catalog, database)]);
    this.#tables.set(database, tables);
    return { databases, tables, calls: callsOf(this.#catalog, asker) };
  }
}

function callsOf(catalog: Catalog, { database, databases, user }: Asker): StandIns["calls"] {
  const here: BoundSql = {
    text: DATABASE.is,
    params: { [DATABASE_PARAMETER]: { type: "String", value: database } },
  };
  const who = bound("user", user);
  const server = bound("server", databases.at(-1) ?? database);
  return new Map<string, BoundSql>([
    ["version", bound("version", catalog.version)],
    ["revision", plain(`toUInt32(${catalog.revision})`)],
    ["currentdatabase", here],
    ["current_database", here],
    ["database", here],
    ["schema", here],
    ["currentuser", who],
    ["current_user", who],
    ["user", who],
    ["displayname", server],
    ["hostname", server],
    ["fqdn", server],
    ["fullhostname", server],
    ["uptime", plain("toUInt32(0)")],
    ["connectionid", plain("toUInt64(0)")],
    ["connection_id", plain("toUInt64(0)")],
    ["currentroles", plain("CAST([], 'Array(String)')")],
    ["enabledroles", plain("CAST([], 'Array(String)')")],
  ]);
}

function bound(name: string, value: string): BoundSql {
  const parameter = VIEW_PARAMETER + name;
  return { text: `{${parameter}:String}`, params: { [parameter]: { type: "String", value } } };
}

function plain(text: string): BoundSql {
  return { text, params: {} };
}
