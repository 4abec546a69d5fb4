/** What a server that `headrace dev` runs tells it. */
export interface Ready {
  readonly url: string;
  readonly streams: readonly string[];
  readonly endpoints: readonly string[];
}

/**
 * Tells `headrace dev` that the server is ready, when it is what started this process.
 * @returns A promise that resolves when that process has gone, so that no server outlives it; without one, never.
 */
export async function tellParent(ready: Ready): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (process.send === undefined || !process.connected) return promise;
  process.once("disconnect", resolve);
  process.send(ready);
  return promise;
}

/** @returns Undefined when the message is something else. */
export function parseReady(message: unknown): Ready | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  const { url, streams, endpoints }: Partial<Record<keyof Ready, unknown>> = message;
  if (typeof url !== "string" || !isNames(streams) || !isNames(endpoints)) return undefined;
  return { url, streams, endpoints };
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}
