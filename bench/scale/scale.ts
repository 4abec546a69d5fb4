/**
 * Measures one, two and four processes of each role on one nats-server and one PostgreSQL, all of them and the load generator on
 * this machine. `node bench/scale/scale.ts [seconds per figure]`
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNatsServer, type NatsServer } from "../../test/support/nats-server.ts";
import { startPostgres, type PostgresServer } from "../../test/support/postgres-server.ts";
import { startServerProcess, type ServerProcess } from "../../test/support/server-process.ts";
import { until } from "../../test/support/until.ts";
import { MINUTE, SECOND } from "../../src/units.ts";

const SECONDS = Number(process.argv[2] ?? 5);
const COUNTS = [1, 2, 4];
const PARTITIONS = 4;
const BATCH = 1_000;
/** Events that wait in the log when the loaders start. */
const BACKLOG = 400_000;
const CLIENTS = 8;
/** The kernel counts processor time in hundredths of a second. */
const TICKS = 100;

interface Fleet {
  readonly servers: readonly ServerProcess[];
  stop(): Promise<void>;
}

const nats = await startNatsServer();
const postgres = await startPostgres();
try {
  console.table(await measureAll(nats, postgres));
} finally {
  await nats.remove();
  await postgres.remove();
}

async function measureAll(log: NatsServer, store: PostgresServer): Promise<object[]> {
  const rows: object[] = [];
  for (const count of COUNTS) {
    // A stream of its own for each, so that what came before weighs on none.
    const env = {
      HEADRACE_LOG_URL: log.url(`partitions=${PARTITIONS}&prefix=scale${count}`),
      HEADRACE_STORE_URL: store.url(`schema=scale${count}`),
      HEADRACE_LEASE_TTL: "3s",
    };
    rows.push({ role: "ingest", processes: count, ...(await measureIngest(env, count)) });
    rows.push({ role: "load", processes: count, ...(await measureLoad(env, count)) });
    rows.push({ role: "serve", processes: count, ...(await measureServe(env, count)) });
  }
  return rows;
}

async function measureIngest(env: Readonly<Record<string, string>>, count: number): Promise<object> {
  const fleet = await start("ingest", env, count);
  try {
    const body = bodyOf(BATCH);
    const before = await cpuOf(fleet.servers);
    const [requests, seconds] = await drive(fleet.servers, async (url) => post(url, body));
    return perSecond("events/s", requests * BATCH, seconds, (await cpuOf(fleet.servers)) - before);
  } finally {
    await fleet.stop();
  }
}

/** How fast the loaders bring in what waits in the log. */
async function measureLoad(env: Readonly<Record<string, string>>, count: number): Promise<object> {
  const ingest = await start("ingest", env, 1);
  const url = ingest.servers[0]?.url ?? "";
  const body = bodyOf(BATCH);
  for (let sent = 0; sent < BACKLOG; sent += BATCH) await post(url, body);
  const waiting = await lagOf(url);
  const began = performance.now();
  const fleet = await start("load", env, count);
  try {
    await until(async () => (await lagOf(url)) === 0, { timeout: 5 * MINUTE });
    const seconds = (performance.now() - began) / SECOND;
    return perSecond("events/s", waiting, seconds, await cpuOf(fleet.servers));
  } finally {
    await fleet.stop();
    await ingest.stop();
  }
}

async function measureServe(env: Readonly<Record<string, string>>, count: number): Promise<object> {
  const fleet = await start("serve", env, count);
  try {
    let asked = 0;
    const before = await cpuOf(fleet.servers);
    const [requests, seconds] = await drive(fleet.servers, async (url) => {
      const response = await fetch(`${url}/v1/endpoints/delays?more=${asked++}`);
      if (response.status !== 200) throw new Error(await response.text());
      await response.arrayBuffer();
    });
    return perSecond("queries/s", requests, seconds, (await cpuOf(fleet.servers)) - before);
  } finally {
    await fleet.stop();
  }
}

function perSecond(unit: string, count: number, seconds: number, cpu: number): object {
  const rate = Math.round(count / seconds).toLocaleString("en-US");
  return { rate: `${rate} ${unit}`, "CPU µs each": ((cpu * 1e6) / count).toFixed(2) };
}

/** Several clients, each at one of the servers, for a while. Gives the requests and the seconds. */
async function drive(
  servers: readonly ServerProcess[],
  ask: (url: string) => Promise<void>,
): Promise<[requests: number, seconds: number]> {
  const began = performance.now();
  let requests = 0;
  const client = async (index: number): Promise<void> => {
    const url = servers[index % servers.length]?.url ?? "";
    for (; performance.now() - began < SECONDS * SECOND; requests += 1) await ask(url);
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  return [requests, (performance.now() - began) / SECOND];
}

async function post(url: string, body: string): Promise<void> {
  const headers = { "content-type": "application/x-ndjson" };
  const response = await fetch(`${url}/v1/streams/flights/events`, { method: "POST", headers, body });
  if (response.status !== 202) throw new Error(await response.text());
  await response.arrayBuffer();
}

function bodyOf(events: number): string {
  return Array.from({ length: events }, (_, n) =>
    JSON.stringify({
      flight_id: `f${n}`,
      date: new Date(Date.UTC(2001, 0, 1, 0, n)).toISOString(),
      delay: n % 90,
      distance: 100 + n,
      origin: ["ORD", "ATL", "SFO"][n % 3],
      destination: "JFK",
    }),
  ).join("\n");
}

async function lagOf(url: string): Promise<number> {
  const answer = (await (await fetch(`${url}/readyz`)).json()) as {
    readonly streams: { readonly flights: { readonly load: { readonly lag_events: number } } };
  };
  return answer.streams.flights.load.lag_events;
}

/** Processor time of these processes since they started, in seconds. */
async function cpuOf(servers: readonly ServerProcess[]): Promise<number> {
  const texts = await Promise.all(servers.map(({ pid }) => readFile(`/proc/${pid}/stat`, "utf8")));
  const ticks = texts.map((text) => {
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS;
}

async function start(role: string, env: Readonly<Record<string, string>>, count: number): Promise<Fleet> {
  const data = await mkdtemp(join(tmpdir(), "headrace-scale-"));
  const servers: ServerProcess[] = [];
  for (let index = 0; index < count; index += 1) {
    servers.push(
      await startServerProcess({
        project: import.meta.dirname,
        data: join(data, `${index}`),
        env: { ...env, HEADRACE_ROLES: role, HEADRACE_INGEST_LAG_MAX: "100000000" },
      }),
    );
  }
  return {
    servers,
    async stop() {
      await Promise.all(servers.map((server) => server.stop("SIGTERM")));
      await rm(data, { recursive: true, force: true });
    },
  };
}
