import { createInterface } from "node:readline/promises";
import { HeadraceError } from "../errors.ts";
import type { Io } from "./io.ts";

/**
 * Asks on a terminal and goes on when the expected word is typed. Elsewhere nobody can answer: `--yes` is asked for.
 * Throws `usage` when it isn't confirmed.
 */
export async function confirm(io: Io, question: string, expected: string): Promise<void> {
  if (io.stderr.isTTY !== true) {
    throw new HeadraceError("usage", "This can't be undone: give --yes to do it without a question");
  }
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    const answer = await lines.question(`${question} Type ${expected} to go on: `);
    if (answer.trim() === expected) return;
  } finally {
    lines.close();
  }
  throw new HeadraceError("usage", "Not confirmed: nothing was done");
}
