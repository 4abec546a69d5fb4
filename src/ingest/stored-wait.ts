import type { BatchRange, Loader, StoredCounts } from "../load/load.ts";
import { STORED_WAIT_DRAINING_MAX, STORED_WAIT_MAX } from "./limits.ts";

/**
 * What became of a batch, once it is queryable; undefined when that isn't known in time: after STORED_WAIT_MAX, soon after
 * the server begins to stop, or when the loader fails. Never rejects: the batch is durable whatever happens here.
 */
export async function waitUntilStored(
  loader: Pick<Loader, "stored">,
  stream: string,
  batch: BatchRange,
  draining: AbortSignal,
): Promise<StoredCounts | undefined> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<undefined>();
  let timer: NodeJS.Timeout | undefined;
  const onDraining = (): void => {
    timer = setTimeout(() => stop(undefined), STORED_WAIT_DRAINING_MAX);
  };
  if (draining.aborted) onDraining();
  else draining.addEventListener("abort", onDraining);
  try {
    return await Promise.race([loader.stored(stream, batch, STORED_WAIT_MAX), stopped]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    draining.removeEventListener("abort", onDraining);
  }
}
