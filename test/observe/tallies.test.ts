import { Counter as TheirCounter, Histogram as TheirHistogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { Counter, Histogram } from "../../src/observe/tallies.ts";

const buckets = [0.1, 1, 10];

test("a scrape says what prom-client's own counters and histograms would", async () => {
  const [ours, theirs] = [new Registry(), new Registry()];
  const help = 'Escaped: \\ and\na "line"';
  const plain = [
    new Counter({ name: "plain", help, registers: [ours] }),
    new TheirCounter({ name: "plain", help, registers: [theirs] }),
  ];
  const labelled = { name: "labelled", help, labelNames: ["stream", "status"] } as const;
  const counters = [
    new Counter({ ...labelled, registers: [ours] }),
    new TheirCounter({ ...labelled, registers: [theirs] }),
  ];
  const durations = { name: "durations", help, labelNames: ["route", "status"], buckets } as const;
  const histograms = [
    new Histogram({ ...durations, registers: [ours] }),
    new TheirHistogram({ ...durations, buckets, registers: [theirs] }),
  ];

  for (const counter of plain) {
    counter.inc();
    counter.inc(3);
  }
  for (const counter of counters) {
    counter.inc({ stream: "a", status: 200 });
    counter.inc({ stream: "a", status: 200 }, 2);
    counter.inc({ stream: 'b"\\\n', status: 422 }, 0);
  }
  for (const histogram of histograms) {
    for (const value of [0.05, 0.1, 0.5, 1, 5, 10, 10.1, 1_000]) {
      histogram.observe({ route: "/a", status: 200 }, value);
    }
    histogram.observe({ route: "/b", status: "none" }, 1);
  }

  expect(linesOf(await ours.metrics())).toEqual(linesOf(await theirs.metrics()));
});

test("without labels a metric is there before anything is counted", async () => {
  const registry = new Registry();
  void new Counter({ name: "plain", help: "help", registers: [registry] });
  void new Histogram({ name: "durations", help: "help", buckets, registers: [registry] });
  expect(linesOf(await registry.metrics())).toEqual(
    expect.arrayContaining(["plain 0", 'durations_bucket{le="+Inf"} 0', "durations_count 0"]),
  );
});

/** The order of labels and of series is nobody's promise. */
function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) =>
      line.replace(/\{(.*)\}/, (_all, labels: string) => `{${labels.split(",").sort().join(",")}}`),
    )
    .sort();
}
