import type { Command, Help } from "commander";
import { PassThrough } from "node:stream";
import { createProgram } from "../src/cli/cli.ts";

/** docs/CLI.md, out of the command line itself: a command that is added there stands here. */
export function cliDoc(): string {
  const nowhere = new PassThrough();
  const program = createProgram({ stdin: nowhere, stdout: nowhere, stderr: nowhere });
  const commands = leaves(program);
  const rows = commands.map(
    ({ path, command }) => `| [\`${path}\`](#${anchor(path)}) | ${cell(command.summary())} |`,
  );
  const lines = [
    ...INTRODUCTION,
    "| command | does |",
    "| --- | --- |",
    ...rows,
    "",
    ...commands.flatMap(({ path, command }) => section(path, command)),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

const INTRODUCTION = [
  "# Command line",
  "",
  "Generated from the commands' own help by `scripts/generate-docs.ts`; edit there (`src/cli/commands/`).",
  "",
  "In a project, `npx headrace <command>`; in a checkout of Headrace, `bin/headrace <command>`.",
  "",
  "- **The project** is the current folder, or `--project <dir>`.",
  "- **The server**: commands that need data talk to a running one, at `HEADRACE_URL` (default `http://127.0.0.1:7070`, or the",
  "  port of `HEADRACE_PORT`) with `HEADRACE_TOKEN`. [CONFIG.md](CONFIG.md) has the server's settings.",
  "- **Exit codes**: 0, 1 (failed), 2 (used wrongly).",
  "- **Output** goes to standard output; progress, notes and errors go to standard error. With `--json` both are JSON: the result, and",
  "  for an error `{code, message, advice, …}` with a code of [ERRORS.md](ERRORS.md).",
  "- **Colours** are for terminals only, and `NO_COLOR=1` turns them off there.",
  "- `HEADRACE_LOG_LEVEL=debug` adds the stack to an error.",
  "",
];

interface Leaf {
  /** Behind `headrace`: "token new". */
  readonly path: string;
  readonly command: Command;
}

/** The commands that do something, in the order of the help. */
function leaves(command: Command, above: readonly string[] = []): Leaf[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .flatMap((one) => {
      const path = [...above, one.name()];
      return one.commands.length > 0 ? leaves(one, path) : [{ path: path.join(" "), command: one }];
    });
}

function section(path: string, command: Command): string[] {
  const help = command.createHelp();
  const described: [string, string][] = [
    ...help
      .visibleArguments(command)
      .map((one): [string, string] => [help.argumentTerm(one), help.argumentDescription(one)]),
    ...help
      .visibleOptions(command)
      .filter(({ long }) => long !== "--help")
      .map((one): [string, string] => [one.flags, optionDescription(help, one)]),
  ];
  return [
    `## ${path}`,
    "",
    command.description(),
    "",
    "```sh",
    ...examplesOf(command),
    "```",
    "",
    `Usage: \`${help.commandUsage(command)}\``,
    "",
    ...(described.length === 0 ? [] : ["| argument or option | what it is |", "| --- | --- |"]),
    ...described.map(([term, about]) => `| \`${term.replaceAll("|", "\\|")}\` | ${cell(about)} |`),
    "",
  ];
}

function optionDescription(help: Help, option: Parameters<Help["optionDescription"]>[0]): string {
  const text = help.optionDescription(option);
  return option.mandatory ? `${text} (required)` : text;
}

/** The lines below "Examples:" in the command's help. */
function examplesOf(command: Command): string[] {
  let text = "";
  const shown = command.configureOutput();
  command.configureOutput({ ...shown, writeOut: (part) => (text += part) });
  command.outputHelp();
  command.configureOutput(shown);
  const [, list = ""] = text.split("\nExamples:\n");
  return list
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^ {2}/, ""));
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

function anchor(path: string): string {
  return path.replaceAll(" ", "-");
}
