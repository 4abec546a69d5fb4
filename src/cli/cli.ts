import { Command, CommanderError } from "commander";
import { wantsStacks } from "../config.ts";
import { HeadraceError, toHeadraceError } from "../errors.ts";
import { registerCheck } from "./commands/check.ts";
import { registerCompletion } from "./commands/completion.ts";
import { registerDelete } from "./commands/delete.ts";
import { registerDev } from "./commands/dev.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerGenerate } from "./commands/generate.ts";
import { registerInit } from "./commands/init.ts";
import { registerPublish } from "./commands/publish.ts";
import { registerQuery } from "./commands/query.ts";
import { registerSql } from "./commands/sql.ts";
import { registerRejected } from "./commands/rejected.ts";
import { registerReset } from "./commands/reset.ts";
import { registerRebuild } from "./commands/rebuild.ts";
import { registerStart } from "./commands/start.ts";
import { registerTail } from "./commands/tail.ts";
import { registerToken } from "./commands/token.ts";
import { printLine, styled, type Io } from "./io.ts";
import { ownPackage } from "../own-package.ts";

const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const INTERNAL_ERROR_ADVICE = "HEADRACE_LOG_LEVEL=debug shows where it happened. Please report it.";

/** Runs one command line and resolves with its exit code: 0, 1 (failed) or 2 (used wrongly). Never throws. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  try {
    await createProgram(io).parseAsync(argv, { from: "user" });
    return EXIT_OK;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK;
    // `headrace` alone: commander has shown the help already.
    if (error instanceof CommanderError && error.code === "commander.help") return EXIT_USAGE;
    const problem = problemOf(error);
    printProblem(io, problem, argv);
    return problem.code === "usage" ? EXIT_USAGE : EXIT_FAILED;
  }
}

/** The whole command line, also for what is made out of it: docs/CLI.md and the shells' completion. */
export function createProgram(io: Io): Command {
  const program = new Command("headrace")
    .description("Streams in, answers out: an analytics backend declared in TypeScript.")
    .version(ownPackage().version, "-v, --version")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // Printed by runCli, as every other error is.
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    })
    .addHelpText(
      "after",
      "\nRun `headrace <command> --help` for a command's options and examples.\n" +
        "Commands that need data talk to a running server: HEADRACE_URL (http://127.0.0.1:7070), HEADRACE_TOKEN.",
    );
  for (const register of [
    registerInit,
    registerDev,
    registerStart,
    registerCheck,
    registerPublish,
    registerQuery,
    registerSql,
    registerRejected,
    registerDelete,
    registerReset,
    registerTail,
    registerRebuild,
    registerGenerate,
    registerToken,
    registerDoctor,
    registerCompletion,
  ]) {
    register(program, io);
  }
  // One way to help, --help, also for commands of commands.
  for (const command of program.commands) command.helpCommand(false);
  return program;
}

function problemOf(error: unknown): HeadraceError {
  if (error instanceof CommanderError) {
    const message = error.message
      .replace(/^error: /, "")
      .replace(/\n\(Did you mean (.+)\?\)$/s, "; did you mean $1?");
    return new HeadraceError("usage", message, { cause: error });
  }
  return toHeadraceError(error);
}

function printProblem(io: Io, problem: HeadraceError, argv: readonly string[]): void {
  const { code, message, details } = problem;
  const advice = adviceOf(problem, createProgram(io), argv);
  if (argv.includes("--json")) {
    printLine(io.stderr, JSON.stringify({ ...details, code, message, advice }));
  } else {
    printLine(io.stderr, `${styled(io.stderr, "red", "error:")} ${message}`);
    printLine(io.stderr, styled(io.stderr, "dim", advice));
  }
  if (wantsStacks()) printLine(io.stderr, stackOf(problem));
}

function adviceOf({ code, advice }: HeadraceError, program: Command, argv: readonly string[]): string {
  if (code === "internal_error") return INTERNAL_ERROR_ADVICE;
  if (code !== "usage") return advice;
  const path = [program.name()];
  let command: Command | undefined = program;
  for (const word of argv) {
    command = command.commands.find((one) => one.name() === word);
    if (command === undefined) break;
    path.push(word);
  }
  return `Run \`${path.join(" ")} --help\` for what it takes.`;
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
