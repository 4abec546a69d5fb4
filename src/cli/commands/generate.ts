import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { loadStoreUrl } from "../../config.ts";
import { HeadraceError, messageOf } from "../../errors.ts";
import { printLine, styled, writeAll, type Io } from "../io.ts";
import { examples, jsonOption, projectFolder, projectOption } from "../options.ts";

interface ClientCommandOptions {
  readonly project: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function registerGenerate(program: Command, io: Io): void {
  const generate = program.command("generate").summary("write code from a project").helpCommand(false);
  generate
    .command("client")
    .summary("write a typed client")
    .description(
      "Writes one TypeScript file with the types of every stream and endpoint and a client that uses fetch alone, for " +
        "Node, Bun, Deno and browsers. Row types come from the engine, as in `headrace check`; no server is needed.",
    )
    .option("-o, --out <file>", "where it is written (default: standard output)")
    .addOption(projectOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace generate client --out client.ts",
        "headrace generate client --project examples/flights > client.ts",
      ),
    )
    .action((options: ClientCommandOptions) => generateClientFile(options, io));
}

async function generateClientFile(options: ClientCommandOptions, io: Io): Promise<void> {
  const { loadProject } = await import("../../project/load-project.ts");
  const project = await loadProject(projectFolder(options.project));
  // The engine is loaded only by the commands that need it, and when the project is known to be good.
  const { endpointChecks } = await import("../generate/endpoint-checks.ts");
  const { generateClient } = await import("../generate/generate-client.ts");
  const source = generateClient(
    project,
    await endpointChecks(project, loadStoreUrl({ projectFolder: projectFolder(options.project) })),
  );
  if (options.out === undefined) return writeAll(io.stdout, source);

  const file = resolve(options.out);
  try {
    await writeFile(file, source);
  } catch (error) {
    throw new HeadraceError("output_failed", `${options.out}: ${messageOf(error)}`, { cause: error });
  }
  const [streams, endpoints] = [project.streams.length, project.endpoints.length];
  if (options.json === true) {
    printLine(io.stdout, JSON.stringify({ file, streams, endpoints }));
  } else {
    const what = `${options.out} has a client of ${project.name}: ${count(streams, "stream")}, ${count(endpoints, "endpoint")}`;
    printLine(io.stdout, styled(io.stdout, "green", what));
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
