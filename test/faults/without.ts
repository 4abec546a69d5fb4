import { pathToFileURL } from "node:url";
import { join } from "node:path";

/** A line of the code that protects, and what it is without the protection. */
export interface Removal {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/**
 * The protections that can be switched off, to see which scenario notices. Nothing in the product knows of this: the
 * source is changed on its way into the process, by removal-hook.ts, and a line that isn't there any more is an error.
 */
export const protections = {
  reconcile: {
    what: "the loader asks the store what is there before it inserts again",
    removals: [
      {
        file: "src/load/load-steps.ts",
        find: "askFirst: from < this.#askUntil",
        replace: "askFirst: false",
      },
      {
        file: "src/load/load-steps.ts",
        find: "ids: await this.#readIds(batches), askFirst: true",
        replace: "ids: await this.#readIds(batches), askFirst: false",
      },
    ],
  },
} as const satisfies Record<string, { readonly what: string; readonly removals: readonly Removal[] }>;

export type Protection = keyof typeof protections;

/** What makes Node, and every Node that it starts, run without a protection. */
export function nodeOptionsWithout(protection: Protection | undefined): Record<string, string> {
  if (protection === undefined) return {};
  const hook = pathToFileURL(join(import.meta.dirname, "removal-hook.ts"));
  hook.searchParams.set("without", protection);
  return { NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import ${hook.href}`.trim() };
}
