import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KIB, MIB, SECOND } from "../../../src/units.ts";
import type { Figures, Scenario } from "../scenario.ts";
import { startSlowServer, type SlowServer } from "../support/slow-parts.ts";

/** What clients do at each scale: connections at once, each with the next request as soon as it has an answer. */
const SCALES = {
  short: { clients: 96, lasts: 2 * SECOND, inFlightBytesMax: 8 * MIB, bodyBytes: 256 * KIB },
  full: { clients: 500, lasts: 30 * SECOND, inFlightBytesMax: 256 * MIB, bodyBytes: MIB },
};
/** At a rate that clients pass ten times over. */
const DISK_BYTES_PER_SECOND = { short: 2 * MIB, full: 8 * MIB };
const STORE_ROWS_PER_SECOND = 3_000;
const LAG_EVENTS_MAX = 4_000;
/** A client that was refused waits a little, though less than it is told to. Milliseconds. */
const IMPATIENCE = 100;
const SAMPLE_INTERVAL = 50;
/** What the memory may grow by beside the bodies in flight: the loader's batch, the engine, and what the collector has yet to find. */
const OTHER_BYTES_MAX = 256 * MIB;
/** A body is held as it came and as what is made of it; both count as in flight. What it is read from is the system's and Node's. */
const IN_FLIGHT_FACTOR = 2;

export const flood: Scenario = {
  group: "clients",
  name: "ten times more than the disk and the store take",
  what:
    "Clients send without pause, some ten times what the disk of the server, and then what its store takes. Every answer must be 202 or 429 with Retry-After; " +
    `the process may grow by ${IN_FLIGHT_FACTOR} times the bound of the bodies in flight and ${OTHER_BYTES_MAX / MIB} MiB; what was answered with 202 must be stored once.`,
  async run({ scale, folder, progress, signal }) {
    const fast = Number.MAX_SAFE_INTEGER;
    const { inFlightBytesMax } = SCALES[scale];
    const disk = await startSlowServer({
      folder: join(folder, "disk"),
      diskBytesPerSecond: DISK_BYTES_PER_SECOND[scale],
      storeRowsPerSecond: fast,
      limits: { inFlightBytesMax },
    });
    const first = await pour(disk, scale, "disk", signal);
    progress(1, 2);
    const store = await startSlowServer({
      folder: join(folder, "store"),
      diskBytesPerSecond: fast,
      storeRowsPerSecond: STORE_ROWS_PER_SECOND,
      limits: { inFlightBytesMax, lagEventsMax: LAG_EVENTS_MAX },
    });
    const second = await pour(store, scale, "store", signal);
    progress(2, 2);
    return {
      runs: first.runs + second.runs,
      events: first.events + second.events,
      lost: first.lost + second.lost,
      doubled: first.doubled + second.doubled,
      changed: 0,
      torn: first.torn + second.torn,
      problems: [...first.problems, ...second.problems],
      note: `${first.note}; ${second.note}`,
    };
  },
};

/** Floods the server, and holds what it has stored against what it answered. */
async function pour(
  server: SlowServer,
  scale: keyof typeof SCALES,
  slow: "disk" | "store",
  signal: AbortSignal,
): Promise<Figures> {
  const { clients, lasts, inFlightBytesMax, bodyBytes } = SCALES[scale];
  const source = new Source(bodyBytes);
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  // What code and engine take when they are used for the first time isn't the flood's.
  for (let count = 0; count < 3; count++) await source.send(server.url, agent);
  const idle = await server.memory();
  const warm = source.accepted;
  const end = performance.now() + lasts;
  let most = idle;
  const client = async (): Promise<void> => {
    while (performance.now() < end && !signal.aborted) {
      if ((await source.send(server.url, agent)) !== 202) await sleep(IMPATIENCE);
    }
  };
  const watch = async (): Promise<void> => {
    while (performance.now() < end) {
      most = Math.max(most, await server.memory());
      await sleep(SAMPLE_INTERVAL);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: clients }, client)]);
  agent.destroy();
  const taken = source.accepted - warm;
  const judged = source.judge(await server.stored());
  await server.stop();
  const grown = most - idle;
  const bound = IN_FLIGHT_FACTOR * inFlightBytesMax + OTHER_BYTES_MAX;
  const problems = [...source.problems];
  if (grown > bound) problems.push(`the memory grew by ${inMib(grown)}, more than ${inMib(bound)}`);
  if (source.refused === 0) problems.push("nothing was refused");
  return {
    runs: source.sent,
    ...judged,
    changed: 0,
    problems,
    note:
      `slow ${slow}: ${taken} of ${source.sent} requests of ${inMib(bodyBytes)} were taken, ${source.refused} answered with 429; memory grew from ${inMib(idle)} ` +
      `by ${inMib(grown)} (bodies in flight: at most ${inMib(inFlightBytesMax)})`,
  };
}

/** Batches of one body's length, each with numbers of its own. */
class Source {
  readonly problems: string[] = [];
  readonly #pad: string;
  readonly #eventsOfBody: number;
  readonly #statuses: number[] = [];
  sent = 0;
  refused = 0;
  accepted = 0;

  constructor(bodyBytes: number) {
    this.#pad = "x".repeat(KIB);
    this.#eventsOfBody = Math.floor(bodyBytes / (KIB + 40));
  }

  /** Resolves with the status of the answer; 0 when there was none. */
  async send(url: string, agent: Agent): Promise<number> {
    const batch = this.sent++;
    const lines: string[] = [];
    for (let index = 0; index < this.#eventsOfBody; index++)
      lines.push(`{"n":${batch * this.#eventsOfBody + index},"text":"${this.#pad}"}\n`);
    const { status, retryAfter } = await post(`${url}/v1/streams/flood/events`, lines.join(""), agent);
    this.#statuses[batch] = status;
    if (status === 202) this.accepted += 1;
    else if (status === 429) {
      this.refused += 1;
      if (!(Number(retryAfter) > 0)) this.problems.push(`a 429 had Retry-After "${retryAfter}"`);
    } else this.problems.push(`an answer was ${status}`);
    return status;
  }

  judge(stored: ReadonlyMap<number, number>): Pick<Figures, "events" | "lost" | "doubled" | "torn"> {
    const found = { events: 0, lost: 0, doubled: 0, torn: 0 };
    for (const [batch, status] of this.#statuses.entries()) {
      const counts = Array.from(
        { length: this.#eventsOfBody },
        (_, index) => stored.get(batch * this.#eventsOfBody + index) ?? 0,
      );
      if (status === 202) {
        found.events += counts.length;
        found.lost += counts.filter((count) => count === 0).length;
      } else if (counts.some((count) => count > 0)) found.torn += 1;
      found.doubled += counts.filter((count) => count > 1).length;
    }
    return found;
  }
}

function post(url: string, body: string, agent: Agent): Promise<{ status: number; retryAfter: string }> {
  return new Promise((resolve) => {
    const sending = request(url, {
      method: "POST",
      agent,
      headers: { "content-type": "application/x-ndjson", "content-length": Buffer.byteLength(body) },
    });
    sending.on("error", () => resolve({ status: 0, retryAfter: "" }));
    sending.on("response", (response) => {
      response.resume();
      response.on("close", () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"] ?? "" }),
      );
    });
    sending.end(body);
  });
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 2 : 0)} MiB`;
}
