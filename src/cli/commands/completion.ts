import { Argument, type Command } from "commander";
import { complete } from "../completion/candidates.ts";
import { askForNames } from "../completion/known-names.ts";
import { SCRIPTS, type Shell } from "../completion/scripts.ts";
import { printLine, type Io } from "../io.ts";
import { examples } from "../options.ts";

export function registerCompletion(program: Command, io: Io): void {
  program
    .command("completion")
    .summary("print a completion script for a shell")
    .description(
      "Prints a script that completes commands, options, their values, files, and, while a server runs, the names of its " +
        "streams and endpoints.",
    )
    .addArgument(new Argument("<shell>", "the shell").choices(Object.keys(SCRIPTS)))
    .addHelpText(
      "after",
      examples(
        'eval "$(headrace completion bash)"                                    # in ~/.bashrc',
        'eval "$(headrace completion zsh)"                                     # in ~/.zshrc, after compinit',
        "headrace completion fish > ~/.config/fish/completions/headrace.fish",
      ),
    )
    .action((shell: Shell) => void io.stdout.write(SCRIPTS[shell]));

  // What the scripts ask. Its words come behind `--`, so that none is taken for an option.
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: readonly string[]) => {
      const { candidates, paths } = await complete(program, words, askForNames);
      for (const { value, about } of candidates) printLine(io.stdout, `${value}\t${about}`);
      printLine(io.stdout, `:${paths}`);
    });
}
