import { loadClientConfig } from "../../config.ts";
import { createClient } from "../client.ts";
import { membersOf } from "../json-value.ts";
import type { KnownNames } from "./candidates.ts";

/** Whoever pressed the tab key waits for it. Milliseconds. */
const ANSWER_TIMEOUT = 300;

/** Asks the running server for its streams and endpoints; none when it doesn't answer at once, for whatever reason. */
export async function askForNames(): Promise<KnownNames> {
  try {
    const client = createClient(loadClientConfig());
    const document = await client.json({ path: "/v1/openapi.json", timeout: ANSWER_TIMEOUT });
    const paths = Object.keys(membersOf(membersOf(document)["paths"]));
    return {
      streams: matches(paths, /^\/v1\/streams\/([^/{}]+)\/events$/),
      endpoints: matches(paths, /^\/v1\/endpoints\/([^/{}]+)$/),
    };
  } catch {
    // A message in the middle of the line that is being typed would help nobody.
    return { streams: [], endpoints: [] };
  }
}

function matches(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) => pattern.exec(path)?.[1] ?? []);
}
