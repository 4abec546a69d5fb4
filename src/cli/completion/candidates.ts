import type { Argument, Command, Option } from "commander";

/** What a shell may put at the cursor. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** What the shell itself completes when there are no candidates. */
  readonly paths: "files" | "folders" | "none";
}

export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** The names that only a running server knows. */
export interface KnownNames {
  readonly streams: readonly string[];
  readonly endpoints: readonly string[];
}

const NOTHING: Completion = { candidates: [], paths: "none" };

/**
 * Completes the last of the words behind the program's name; it may be empty.
 *
 * @param names Asked only when a stream's or an endpoint's name is due.
 */
export async function complete(
  program: Command,
  words: readonly string[],
  names: () => Promise<KnownNames>,
): Promise<Completion> {
  const place = walk(program, words.slice(0, -1));
  if (place === undefined) return NOTHING;
  const { command, positionals, pending, onlyPositionals } = place;
  const current = words.at(-1) ?? "";
  // Bash makes words of its own out of `--format=csv`: the option, "=" and the value.
  if (pending !== undefined) return valuesOf(pending, current === "=" ? "" : current);

  const [, flag, value] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  if (flag !== undefined && value !== undefined && !onlyPositionals) {
    const option = command.options.find(({ long }) => long === flag);
    const found = option === undefined ? NOTHING : valuesOf(option, value);
    return {
      ...found,
      candidates: found.candidates.map((one) => ({ ...one, value: `${flag}=${one.value}` })),
    };
  }
  if (current.startsWith("-") && current !== "-" && !onlyPositionals) {
    return { candidates: startingWith(optionsOf(command), current), paths: "none" };
  }
  if (command.commands.length > 0) {
    const commands = command.createHelp().visibleCommands(command);
    const list = commands.map((one) => ({ value: one.name(), about: one.summary() || one.description() }));
    return { candidates: startingWith(list, current), paths: "none" };
  }
  const argument = command.registeredArguments[positionals] ?? lastVariadic(command);
  return argument === undefined ? NOTHING : argumentValues(argument, current, names);
}

interface Place {
  readonly command: Command;
  /** How many arguments stand before the cursor. */
  readonly positionals: number;
  /** The option whose value is due. */
  readonly pending: Option | undefined;
  /** Whether `--` stands before the cursor. */
  readonly onlyPositionals: boolean;
}

/** Undefined behind a word that should be a command and is none. */
function walk(program: Command, words: readonly string[]): Place | undefined {
  let command = program;
  let positionals = 0;
  let pending: Option | undefined;
  let onlyPositionals = false;
  for (const word of words) {
    if (pending !== undefined) {
      if (word !== "=") pending = undefined;
    } else if (!onlyPositionals && word === "--") {
      onlyPositionals = true;
    } else if (!onlyPositionals && word.startsWith("-") && word !== "-") {
      const option = command.options.find(({ long, short }) => long === word || short === word);
      if (option?.required === true) pending = option;
    } else if (command.commands.length > 0) {
      const next = command.commands.find((one) => one.name() === word);
      if (next === undefined) return undefined;
      command = next;
    } else {
      positionals += 1;
    }
  }
  return { command, positionals, pending, onlyPositionals };
}

function optionsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: long ?? short ?? "", about: description }));
}

function lastVariadic(command: Command): Argument | undefined {
  const last = command.registeredArguments.at(-1);
  return last?.variadic === true ? last : undefined;
}

function valuesOf(option: Option, current: string): Completion {
  if (option.argChoices !== undefined) return choices(option.argChoices, current);
  return { candidates: [], paths: pathsOf(/[<[]([^>\]]+)/.exec(option.flags)?.[1] ?? "") };
}

async function argumentValues(
  argument: Argument,
  current: string,
  names: () => Promise<KnownNames>,
): Promise<Completion> {
  if (argument.argChoices !== undefined) return choices(argument.argChoices, current);
  const name = argument.name();
  if (name === "stream") return choices((await names()).streams, current);
  if (name === "endpoint") return choices((await names()).endpoints, current);
  return { candidates: [], paths: pathsOf(name) };
}

function choices(values: readonly string[], current: string): Completion {
  return {
    candidates: startingWith(
      values.map((value) => ({ value, about: "" })),
      current,
    ),
    paths: "none",
  };
}

function startingWith(candidates: readonly Candidate[], start: string): Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(start));
}

/** By the word in the usage: `<dir>` is a folder, `<file>` and `<path>` are files. */
function pathsOf(name: string): Completion["paths"] {
  if (/^(dir|folder)\b/.test(name)) return "folders";
  return /^(file|path)\b/.test(name) ? "files" : "none";
}
