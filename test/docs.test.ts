import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cliDoc } from "../scripts/cli-doc.ts";
import { configDoc, errorsDoc, metricsDoc } from "../scripts/docs-pages.ts";

const read = (name: string) => readFileSync(join(import.meta.dirname, "../docs", name), "utf8");
const advice = "is stale: run `node scripts/run.mjs node scripts/generate-docs.ts`";

test("docs/CLI.md is what the commands' help says", () => {
  expect(read("CLI.md"), `docs/CLI.md ${advice}`).toBe(cliDoc());
});

test("docs/CONFIG.md is what the settings say", () => {
  expect(read("CONFIG.md"), `docs/CONFIG.md ${advice}`).toBe(configDoc());
});

test("docs/ERRORS.md is what the error registry says", () => {
  expect(read("ERRORS.md"), `docs/ERRORS.md ${advice}`).toBe(errorsDoc());
});

test("docs/METRICS.md is what the metrics say", async () => {
  expect(read("METRICS.md"), `docs/METRICS.md ${advice}`).toBe(await metricsDoc());
});
