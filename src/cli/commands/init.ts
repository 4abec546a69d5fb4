import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { HeadraceError, messageOf } from "../../errors.ts";
import { projectFiles } from "../init/template.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, jsonOption } from "../options.ts";
import { ownPackage } from "../../own-package.ts";

const PROJECT_NAME_MAX = 64;

interface Options {
  readonly headrace?: string;
  readonly json?: boolean;
}

export function registerInit(program: Command, io: Io): void {
  program
    .command("init")
    .summary("make a new project")
    .description("Makes a project with one stream, one endpoint and some events, in a new or empty folder.")
    .argument("<dir>", "the folder")
    .option(
      "--headrace <spec>",
      "what the project depends on: a version, or a packed file (default: this version)",
    )
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples("headrace init my-analytics", "headrace init my-analytics --headrace ./headrace-0.1.0.tgz"),
    )
    .action((dir: string, options: Options) => init(dir, options, io));
}

async function init(dir: string, options: Options, io: Io): Promise<void> {
  const folder = resolve(dir);
  await makeEmptyFolder(folder);
  const own = ownPackage();
  const files = projectFiles({
    name: projectName(folder),
    headrace: dependencySpec(options.headrace ?? `^${own.version}`),
    zod: own.zod,
  });
  for (const [path, content] of files) await writeFile(join(folder, path), content);

  if (options.json === true) {
    printLine(io.stdout, JSON.stringify({ folder, files: [...files.keys()] }));
    return;
  }
  printLine(io.stdout, `${folder} has a new project: ${[...files.keys()].join(", ")}`);
  printLine(io.stdout, "Next:");
  const steps = ["npm install", "npm run dev"];
  if (folder !== process.cwd()) steps.unshift(`cd ${relative(process.cwd(), folder)}`);
  for (const step of steps) printLine(io.stdout, `  ${styled(io.stdout, "cyan", step)}`);
}

async function makeEmptyFolder(folder: string): Promise<void> {
  let entries: readonly string[];
  try {
    await mkdir(folder, { recursive: true });
    entries = await readdir(folder);
  } catch (error) {
    throw new HeadraceError("folder_unusable", messageOf(error), { cause: error });
  }
  // A fresh repository is as good as empty.
  const others = entries.filter((entry) => entry !== ".git");
  if (others.length > 0) {
    throw new HeadraceError(
      "folder_unusable",
      `${folder} isn't empty: it has ${others.slice(0, 3).join(", ")}`,
    );
  }
}

/** A packed file is named from the current folder, and npm would look for it from the project's. */
function dependencySpec(spec: string): string {
  const path = resolve(spec);
  return existsSync(path) ? `file:${path}` : spec;
}

/** The folder's name, as far as a project's name allows: lower-case letters, digits and underscores. */
function projectName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^[_0-9]+|_+$/g, "")
    .slice(0, PROJECT_NAME_MAX);
  return name === "" ? "analytics" : name;
}
