import { Client, type ClientConfig } from "pg";
import { HeadraceError } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import type { Login, PostgresTarget } from "./connect-options.ts";
import { rowsOf } from "./connection.ts";
import { quoteName } from "./quote.ts";

/** The oldest server that is supported. */
const VERSION_MIN = 150_000;

export function clientConfig(target: PostgresTarget, login: Login): ClientConfig {
  return {
    user: login.user,
    // pg would look for a password elsewhere; what the URL doesn't say isn't there.
    password: login.password ?? "",
    database: target.database,
    ssl: target.tls === false ? false : { ...target.tls },
    application_name: "headrace",
    keepAlive: true,
    keepAliveInitialDelayMillis: 10 * SECOND,
    client_encoding: "UTF8",
  };
}

/** `pg` knows one host: each new connection is to the one that last worked, or the next after it failed. */
export function clientOverHosts(target: PostgresTarget, config: ClientConfig): typeof Client {
  let next = 0;
  return class extends Client {
    constructor() {
      const at = next;
      super({ ...config, ...target.hosts[at % target.hosts.length] });
      const failed = (): void => {
        if (next === at) next = at + 1;
      };
      this.once("error", failed);
      // What fails before it is connected is told to the caller alone.
      const connect = this.connect.bind(this) as (callback: (error: Error | null) => void) => void;
      Object.assign(this, {
        connect: (callback: (error: Error | null, client: Client) => void) =>
          connect((error) => {
            if (error) failed();
            callback(error, this);
          }),
        refuse: failed,
      });
    }
  };
}

/** The same settings for every connection, whatever the role's or the server's own are. */
export async function prepare(client: Client, target: PostgresTarget, readOnly: boolean): Promise<void> {
  await client.query(
    [
      `SET search_path TO ${quoteName(target.schema)}, public`,
      "SET TimeZone TO 'UTC'",
      "SET DateStyle TO 'ISO, YMD'",
      "SET IntervalStyle TO 'iso_8601'",
      "SET extra_float_digits TO 1",
      "SET bytea_output TO 'hex'",
      "SET xmloption TO 'content'",
      "SET standard_conforming_strings TO on",
      "SET default_transaction_isolation TO 'read committed'",
      `SET default_transaction_read_only TO ${readOnly ? "on" : "off"}`,
      "SET statement_timeout TO 0",
      "SET lock_timeout TO 0",
      // A server that lost its client ends what it does for it.
      "SET client_connection_check_interval TO '2s'",
      `SET idle_in_transaction_session_timeout TO '60s'`,
    ].join("; "),
  );
  const [[version, recovering, commits] = []] = await rowsOf(
    client,
    "SELECT current_setting('server_version_num'), pg_is_in_recovery()::text, current_setting('synchronous_commit')",
  );
  if (Number(version) < VERSION_MIN) {
    throw new HeadraceError(
      "config_invalid",
      `HEADRACE_STORE_URL: the server is PostgreSQL ${Math.floor(Number(version) / 10_000)}; 15 or later is needed`,
    );
  }
  if (recovering === "true" && !readOnly) {
    (client as Client & { refuse?: () => void }).refuse?.();
    throw new HeadraceError("store_failed", `The server ${client.host} is a standby, which takes no writes`);
  }
  // What resolves is on disk; stricter settings, which wait for standbys, are left alone.
  if (commits === "off") await client.query("SET synchronous_commit TO on");
}
