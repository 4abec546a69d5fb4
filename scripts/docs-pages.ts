import { ERRORS } from "../src/errors.ts";
import { createMetrics } from "../src/observe/metrics.ts";
import { SETTINGS } from "../src/settings.ts";

/** docs/CONFIG.md */
export function configDoc(): string {
  const rows = Object.values(SETTINGS).map(
    (setting) => `| \`${setting.env}\` | ${code(setting.shown)} | ${escapeCell(setting.about)} |`,
  );
  return page([
    "# Settings",
    "",
    "Generated from `src/settings.ts` by `scripts/generate-docs.ts`; edit there.",
    "",
    "Flags of the command line win over environment variables, and those over a `.env` file in the project's folder.",
    "An empty variable counts as not set. An unknown `HEADRACE_*` name or a bad value stops the start with one line that",
    "names it. What Kubernetes injects for a service named headrace (`HEADRACE_SERVICE_*`, `HEADRACE_PORT_*` and",
    "`HEADRACE_PORT=tcp://…`) is ignored.",
    "",
    "Sizes are written as `64MiB` (B, KiB, MiB, GiB), durations as `30s` (ms, s, m, h, d).",
    "",
    "| variable | default | what it is for |",
    "| --- | --- | --- |",
    ...rows,
    "",
    "The commands that talk to a running server (`publish`, `query`) read `HEADRACE_URL` (default `http://127.0.0.1:7070`,",
    "or the port of `HEADRACE_PORT`) and `HEADRACE_TOKEN`.",
  ]);
}

/** docs/ERRORS.md */
export function errorsDoc(): string {
  const sections = Object.entries(ERRORS).flatMap(([name, spec]) => [
    `## ${name}`,
    "",
    `${spec.title}. HTTP status ${spec.status}; ${spec.retryable ? "the same request may succeed later" : "the same request will fail again"}.`,
    "",
    spec.advice,
    "",
  ]);
  return page([
    "# Errors",
    "",
    "Generated from `src/errors.ts` by `scripts/generate-docs.ts`; edit there.",
    "",
    "Every error answer is a problem document (RFC 9457, `application/problem+json`) whose `code` is one of these and never",
    "changes its meaning. `detail` says what went wrong this time. Commands print the same message and advice, and exit with",
    "1, or with 2 for a wrong usage.",
    "",
    ...sections,
  ]);
}

/** docs/METRICS.md */
export async function metricsDoc(): Promise<string> {
  const metrics = await createMetrics({
    process: false,
    sample: () => [],
    cacheBytes: () => 0,
  }).registry.getMetricsAsJSON();
  const rows = metrics.map(
    (metric) => `| \`${metric.name}\` | ${metric.type} | ${escapeCell(metric.help)} |`,
  );
  return page([
    "# Metrics",
    "",
    "Generated from `src/observe/metrics.ts` by `scripts/generate-docs.ts`; edit there.",
    "",
    "`GET /metrics` gives these in Prometheus' text format, and beside them the runtime's own (`process_*`, `nodejs_*`).",
    "Times are in seconds, sizes in bytes.",
    "",
    "| metric | type | what it says |",
    "| --- | --- | --- |",
    ...rows,
  ]);
}

function page(lines: readonly string[]): string {
  return `${lines.join("\n").trimEnd()}\n`;
}

function code(text: string): string {
  return text === "none" ? "none" : `\`${text}\``;
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|");
}
