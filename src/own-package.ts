import { readFileSync } from "node:fs";
import { HeadraceError } from "./errors.ts";

/** What this package says of itself. Its package.json lies a folder up, from the sources as from what is compiled. */
export function ownPackage(): { readonly version: string; readonly zod: string } {
  const content: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const version = member(content, "version");
  const zod = member(member(content, "dependencies"), "zod");
  if (typeof version !== "string" || typeof zod !== "string") {
    throw new HeadraceError(
      "internal_error",
      "Headrace's own package.json lacks its version or dependencies",
    );
  }
  return { version, zod };
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;
}
