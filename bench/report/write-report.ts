import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Results } from "../result.ts";
import { readNotes } from "./notes.ts";
import { reportMarkdown } from "./markdown.ts";
import { reportSvg } from "./plot.ts";

const NOTES = join(import.meta.dirname, "../notes.md");

/** Writes REPORT.md and report.svg into a folder. */
export async function writeReport(results: Results, folder: string): Promise<void> {
  const notes = readNotes(await readFile(NOTES, "utf8"));
  await writeFile(join(folder, "REPORT.md"), reportMarkdown(results, notes));
  await writeFile(join(folder, "report.svg"), reportSvg(results));
}
