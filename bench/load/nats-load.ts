import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Bodies } from "./bodies.ts";
import type { LoadResult, NatsJob } from "./job.ts";
import { Recorder } from "./recorder.ts";

const STREAM = "flights";

/** Publishes batches to JetStream, each message with an id by which the server drops a repeated one. */
export async function runNatsLoad(job: NatsJob, began: () => void): Promise<LoadResult> {
  const connection = await connect({ servers: `127.0.0.1:${job.port}` });
  try {
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: STREAM, subjects: [STREAM] });
    const publisher = jetstream(connection);
    const bodies = new Bodies(job.lines, job.eventsPerRequest, job.pass);
    const recorder = new Recorder();
    let [count, left] = [0, "events" in job.until ? job.until.events : Number.POSITIVE_INFINITY];
    const state = { stopped: false };
    const writer = async (): Promise<void> => {
      while (!state.stopped && left > 0) {
        left -= job.eventsPerRequest;
        const since = performance.now();
        await publisher.publish(STREAM, bodies.next(), { msgID: `${job.pass}-${count++}` });
        recorder.answered("ack", job.eventsPerRequest, performance.now() - since);
      }
    };
    const begin = (): void => {
      recorder.begin();
      began();
    };
    if ("events" in job.until) begin();
    else {
      const { warmup, seconds } = job.until;
      setTimeout(begin, warmup * 1_000);
      setTimeout(
        () => {
          recorder.end();
          state.stopped = true;
        },
        (warmup + seconds) * 1_000,
      );
    }
    await Promise.all(Array.from({ length: job.connections }, writer));
    if ("events" in job.until) recorder.end();
    return recorder.result();
  } finally {
    await connection.close();
  }
}
