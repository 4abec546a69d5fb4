import { send, withoutBad, type EventMaker, type SentBatch } from "../guarantees/oracle.ts";
import { counts, metric, rejected } from "../guarantees/stored.ts";
import { until } from "../support/until.ts";

/** The counters of a stream: those of this process, and those of the table. */
interface Counters {
  readonly accepted: number;
  readonly rejected: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly refused: number;
  /** Of `/v1/streams`. */
  readonly events: number;
  readonly kept: number;
}

const SETTLED_DEADLINE = 60_000;
/** `/v1/streams` may be a second behind. */
const COUNTS_DEADLINE = 5_000;

/**
 * Sends a few more batches, adding them to `sent`, some of them twice, and holds what the counters of `/metrics` and
 * `/v1/streams` gain by them against what they were.
 */
export async function checkCounters(url: string, maker: EventMaker, sent: SentBatch[]): Promise<string[]> {
  const before = { plain: await readSettled(url, "plain"), unique: await readSettled(url, "unique") };
  const keyed = maker.batch("plain", "counters", true);
  const unkeyed = maker.batch("plain", "counters", false);
  const unique = withoutBad(maker.batch("unique", "counters", false));
  sent.push(keyed, unkeyed, unique);
  for (const batch of [keyed, keyed, unkeyed, unique, unique]) await send(url, batch, "?wait=stored");
  const good = keyed.good.length + unkeyed.good.length;
  const bad = keyed.bad.length + unkeyed.bad.length;
  const ids = unique.good.length;
  const gains: Readonly<Record<keyof typeof before, Counters>> = {
    plain: {
      accepted: good,
      rejected: bad,
      stored: good,
      duplicates: 0,
      refused: 0,
      events: good,
      kept: bad,
    },
    unique: {
      accepted: ids * 2,
      rejected: 0,
      stored: ids,
      duplicates: ids,
      refused: 0,
      events: ids,
      kept: 0,
    },
  };
  return [
    ...(await compareGains(url, "plain", before.plain, gains.plain)),
    ...(await compareGains(url, "unique", before.unique, gains.unique)),
  ];
}

async function compareGains(
  url: string,
  stream: string,
  before: Counters,
  gains: Counters,
): Promise<string[]> {
  const names = Object.keys(gains) as (keyof Counters)[];
  const wrong = async (): Promise<string[]> => {
    const after = await read(url, stream);
    return names
      .filter((name) => after[name] - before[name] !== gains[name])
      .map((name) => {
        const change = `${before[name]} to ${after[name]}`;
        return `counters of ${stream}: ${name} went from ${change} when it should have gained ${gains[name]}`;
      });
  };
  await until(async () => (await wrong()).length === 0, { timeout: COUNTS_DEADLINE }).catch(() => {});
  return await wrong();
}

/** When everything is loaded. What `/v1/streams` says of rejected events may be old, so they are counted in their list. */
async function readSettled(url: string, stream: string): Promise<Counters> {
  await until(async () => (await counts(url, stream)).lag === 0, { timeout: SETTLED_DEADLINE });
  return { ...(await read(url, stream)), kept: (await rejected(url, stream)).length };
}

async function read(url: string, stream: string): Promise<Counters> {
  const { events, rejected: kept } = await counts(url, stream);
  const of = (name: string, outcome: string) => metric(url, name, { stream, outcome });
  const [ingested, loaded] = ["headrace_ingest_events_total", "headrace_load_events_total"];
  return {
    accepted: await of(ingested, "accepted"),
    rejected: await of(ingested, "rejected"),
    stored: await of(loaded, "stored"),
    duplicates: await of(loaded, "duplicate"),
    refused: await of(loaded, "refused"),
    events,
    kept,
  };
}
