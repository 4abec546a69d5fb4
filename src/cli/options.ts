import { resolve } from "node:path";
import { InvalidArgumentError, Option } from "commander";

/** Options that several commands have. */
export const projectOption = () =>
  new Option("--project <dir>", "the project's folder").default(".", "the current folder");

export const jsonOption = () => new Option("--json", "output for programs: JSON, also for errors");

export function projectFolder(option: string): string {
  return resolve(option);
}

/** Reads an integer option within bounds. */
export function integerBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected an integer from ${min} to ${max.toLocaleString("en-US")}.`);
    }
    return value;
  };
}

/** Gathers an option that may be given several times. */
export function gather(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** The text under a command's options. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}
