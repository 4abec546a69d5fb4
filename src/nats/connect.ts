import { parseNatsUrl } from "./nats-url.ts";
import type { Nats, NatsObserver } from "./open-nats.ts";

/** Whether a URL of the log names NATS. */
export function isNatsUrl(url: string): boolean {
  return /^(nats|tls):/i.test(url);
}

/**
 * The process's connection to NATS when the log's URL names it, else undefined: NATS' client is loaded only then. Rejects as
 * `openNats` does.
 */
export async function connectNats(
  url: string,
  project: string,
  observer?: NatsObserver,
): Promise<Nats | undefined> {
  if (!isNatsUrl(url)) return undefined;
  const options = parseNatsUrl(url);
  const { openNats } = await import("./open-nats.ts");
  return openNats(options, project, observer);
}
