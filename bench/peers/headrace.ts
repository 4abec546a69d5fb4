import { join } from "node:path";
import { pause } from "../pause.ts";
import { HEADRACE, type Contender, type Running } from "../contender.ts";
import type { Workshop } from "../workshop.ts";

const PROJECT = join(import.meta.dirname, "../project");

/** Headrace itself, started as a user would, with its defaults. */
export function headrace(workshop: Workshop, env: Readonly<Record<string, string>> = {}): Contender {
  return {
    name: HEADRACE,
    durability: "fdatasync before the answer, validated, exactly once",
    async start(options = {}): Promise<Running> {
      const stack = new AsyncDisposableStack();
      try {
        const data = options.data ?? stack.use(await workshop.folder("headrace")).path;
        const child = workshop.headrace(
          [
            "start",
            "--project",
            PROJECT,
            "--port",
            String(options.port ?? 0),
            "--data",
            data,
            "--log-level",
            "info",
          ],
          { ...env, ...options.env },
        );
        stack.defer(() => child.stop());
        const port = Number((await child.ready)[1]);
        return {
          port,
          pids: [child.pid],
          stored: (streams) => loadedEvents(port, streams),
          verify: (stream, events) => verifyOnce(port, stream, events),
          [Symbol.asyncDispose]: () => stack.disposeAsync(),
        };
      } catch (error) {
        await stack.disposeAsync();
        throw error;
      }
    },
  };
}

interface Readiness {
  readonly streams: Readonly<
    Record<
      string,
      {
        readonly log: readonly { readonly end_offset: number }[];
        readonly load: { readonly lag_events: number };
      }
    >
  >;
}

/** Cheaper to ask than a query: what the log has less what waits to be loaded. */
async function loadedEvents(port: number, streams: readonly string[]): Promise<number> {
  const answer = (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as Readiness;
  return streams.reduce((sum, name) => {
    const stream = answer.streams[name];
    if (stream === undefined) throw new Error(`/readyz has no stream ${name}`);
    const taken = stream.log.reduce((total, partition) => total + partition.end_offset, 0);
    return sum + taken - stream.load.lag_events;
  }, 0);
}

/** Asks the table itself: every event once, and each with another place in the log. */
async function verifyOnce(port: number, stream: string, events: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/sql`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sql: `SELECT count() AS n, uniqExact(_offset) AS places FROM ${stream}` }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`verifying ${stream}: ${text}`);
  const [row] = (JSON.parse(text) as { data: { n: number; places: number }[] }).data;
  if (row?.n === events && row.places === events) return;
  throw new Error(`${stream} has ${row?.n} rows at ${row?.places} places, and ${events} were accepted`);
}

/** Waits until so many events are queryable. */
export async function untilStored(
  running: Running,
  streams: readonly string[],
  events: number,
  deadline: number,
): Promise<void> {
  if (running.stored === undefined) throw new Error("nothing can be asked about what is stored");
  const end = performance.now() + deadline;
  for (;;) {
    const stored = await running.stored(streams);
    if (stored >= events) return;
    if (performance.now() > end) throw new Error(`only ${stored} of ${events} events are queryable`);
    await pause(10);
  }
}
