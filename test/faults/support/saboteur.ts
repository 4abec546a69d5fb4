import { join } from "node:path";
import { EngineSession } from "../../../src/store/clickhouse/embedded/engine-session.ts";
import { loadChdb } from "../../../src/store/clickhouse/embedded/load-chdb.ts";

/** A session of the engine that runs in this process, for what no part of Headrace would do to it. */
export interface Saboteur {
  run(sql: string): Promise<string>;
  /** Ends the inserts into tables of Headrace that run now. Gives how many there were. */
  killInserts(): Promise<number>;
  close(): Promise<void>;
}

/** @param folder The store's part of a data folder, opened in this process already. */
export async function openSaboteur(folder: string): Promise<Saboteur> {
  const chdb = await loadChdb();
  const session = new EngineSession(new chdb.Session(join(folder, "engine"), { connectionArgs: [] }));
  const run = async (sql: string) => (await session.run(sql)).bytes.toString();
  return {
    run,
    async killInserts() {
      const killed = await run(
        "KILL QUERY WHERE position(query, 'INSERT INTO ') > 0 AND position(query, 'KILL') = 0 ASYNC",
      );
      return killed.split("\n").length - 1;
    },
    close: () => session.close(),
  };
}
