import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import type { Results } from "../result.ts";
import { readNotes } from "./notes.ts";
import { reportMarkdown } from "./markdown.ts";
import { reportSvg } from "./plot.ts";

const NOTES = join(import.meta.dirname, "../notes.md");

/** Writes REPORT.md and report.svg into a folder. */
export async function writeReport(results: Results, folder: string): Promise<void> {
  const notes = readNotes(await readFile(NOTES, "utf8"));
  const path = join(folder, "REPORT.md");
  const options = { ...(await resolveConfig(path)), parser: "markdown" };
  await writeFile(path, await format(reportMarkdown(results, notes), options));
  await writeFile(join(folder, "report.svg"), reportSvg(results));
}
