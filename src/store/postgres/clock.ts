import { HeadraceError } from "../../errors.ts";

/** The server's clock, milliseconds since 1970, also amid a transaction. */
export async function readClock(
  run: (sql: string) => Promise<readonly (readonly (string | null)[])[]>,
): Promise<number> {
  const [[now] = []] = await run("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint");
  return Number(now);
}

/** Throws `lease_lost` when this time (milliseconds, by the server's clock) has come: to be called right before a commit. */
export async function checkTime(
  run: (sql: string) => Promise<readonly (readonly (string | null)[])[]>,
  table: string,
  until: number | undefined,
): Promise<void> {
  if (until === undefined || (await readClock(run)) < until) return;
  throw new HeadraceError("lease_lost", `The insert into table ${table} came too late`);
}
