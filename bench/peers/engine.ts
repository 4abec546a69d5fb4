/** The engine alone, in a process of its own: does what it is told over its channel. No server, no validation, no log. */
import { Session } from "chdb";
import { quantile } from "../measure/stats.ts";
import type { EngineAnswer, EngineTask } from "./engine-task.ts";

/** The columns and the sort key of the stream's table. */
const STRUCTURE =
  "flight_id String, date DateTime64(3, 'UTC'), delay Int32, distance Nullable(Int32), origin String, destination String";
/** Sessions that a query's latency is measured in: Headrace's readers are made alike. */
const READ_ARGUMENTS = ["--readonly=1", "--session_timezone=UTC", "--date_time_output_format=iso"];

async function insert(task: Extract<EngineTask, { kind: "insert" }>): Promise<EngineAnswer> {
  const session = new Session(task.folder);
  try {
    await session.queryAsync(
      `CREATE TABLE flights (${STRUCTURE}) ENGINE = MergeTree PARTITION BY toYYYYMM(date) ORDER BY (origin, date)`,
    );
    const cpu = process.cpuUsage();
    const from = performance.now();
    // Its own defaults: parsing on all cores, large blocks.
    await session.queryAsync(
      `INSERT INTO flights SELECT * FROM file('${task.file}', 'JSONEachRow', '${STRUCTURE.replaceAll("'", "\\'")}')
       SETTINGS date_time_input_format = 'best_effort'`,
    );
    const seconds = (performance.now() - from) / 1_000;
    const used = process.cpuUsage(cpu);
    const count = await session.queryAsync("SELECT count() FROM flights", { format: "TSV" });
    if (Number(count.text()) !== task.rows) throw new Error(`${count.text()} rows of ${task.rows}`);
    return { seconds, cpu: (used.user + used.system) / 1e6 };
  } finally {
    session.close();
  }
}

async function query(task: Extract<EngineTask, { kind: "query" }>): Promise<EngineAnswer> {
  const session = new Session(task.folder, { connectionArgs: READ_ARGUMENTS });
  try {
    const times: number[] = [];
    const cpu = process.cpuUsage();
    for (const [index, sql] of task.queries.entries()) {
      const from = performance.now();
      const result = await session.queryAsync(sql, { format: "JSON" });
      result.bytes();
      if (index >= task.warmup) times.push(performance.now() - from);
    }
    const used = process.cpuUsage(cpu);
    const sorted = times.sort((a, b) => a - b);
    return {
      seconds: sorted.reduce((sum, time) => sum + time, 0) / 1_000,
      cpu: (used.user + used.system) / 1e6,
      latency: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
    };
  } finally {
    session.close();
  }
}

process.once("message", (task: EngineTask) => {
  const running = task.kind === "insert" ? insert(task) : query(task);
  running
    .then((answer) => process.send?.(answer))
    .catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    })
    .finally(() => process.disconnect());
});
console.log("ready");
