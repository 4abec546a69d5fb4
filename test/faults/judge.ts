import { compare, type Findings, type SentBatch } from "../guarantees/oracle.ts";
import { counts, metric, rejected, rows } from "../guarantees/stored.ts";
import { until } from "../support/until.ts";
import { PROBLEMS_MAX } from "./figures.ts";
import type { Figures } from "./scenario.ts";

/** The streams of `test/guarantees/kill-project`. */
const STREAMS = ["plain", "unique"] as const;

type Judgement = Omit<Figures, "runs" | "note">;

/**
 * Holds everything that a running server of `kill-project` has against everything that was sent to it and its
 * predecessors, and its counters against what it has.
 */
export async function judge(url: string, batches: readonly SentBatch[]): Promise<Judgement> {
  const found: Findings[] = [];
  const problems: string[] = [];
  for (const stream of STREAMS) {
    const sent = batches.filter((batch) => batch.stream === stream);
    const findings = compare(sent, await rows(url, stream), await rejected(url, stream));
    found.push(findings);
    problems.push(...findings.examples, ...(await countersOf(url, stream, findings)));
  }
  const sum = (key: Exclude<keyof Findings, "examples">) => found.reduce((all, one) => all + one[key], 0);
  const acknowledged = batches.filter(isAcknowledged);
  return {
    events: acknowledged.reduce((all, { good, bad }) => all + good.length + bad.length, 0),
    lost: sum("lost") + sum("rejectedLost"),
    doubled: sum("doubled") + sum("rejectedDoubled"),
    changed: sum("changed") + sum("invented"),
    torn: sum("torn"),
    problems: problems.slice(0, PROBLEMS_MAX),
  };
}

export function isAcknowledged({ outcome }: SentBatch): boolean {
  return typeof outcome === "number" && outcome < 300;
}

/** What `/v1/streams` and `/metrics` say, against what was found. */
async function countersOf(url: string, stream: string, found: Findings): Promise<string[]> {
  const expected = { events: found.rows, rejected: found.rejected, lag: 0 };
  const asText = JSON.stringify(expected);
  let said = "";
  // Its counts of rejected events may be a second old.
  const agree = async () => (said = JSON.stringify(await counts(url, stream))) === asText;
  const problems: string[] = [];
  await until(agree, { timeout: 5_000 }).catch(() => {
    problems.push(`/v1/streams/${stream} says ${said} instead of ${asText}`);
  });
  const lag = await metric(url, "headrace_load_lag_events", { stream });
  if (lag !== 0) problems.push(`/metrics says that ${lag} events of ${stream} wait, and none does`);
  return problems;
}
