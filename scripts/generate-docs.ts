// Writes docs/CLI.md, docs/CONFIG.md, docs/ERRORS.md and docs/METRICS.md from the tables in the code; test/docs.test.ts fails when they are stale.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cliDoc } from "./cli-doc.ts";
import { configDoc, errorsDoc, metricsDoc } from "./docs-pages.ts";

const docs = join(import.meta.dirname, "../docs");
writeFileSync(join(docs, "CLI.md"), cliDoc());
writeFileSync(join(docs, "CONFIG.md"), configDoc());
writeFileSync(join(docs, "ERRORS.md"), errorsDoc());
writeFileSync(join(docs, "METRICS.md"), await metricsDoc());
