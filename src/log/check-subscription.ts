import { HeadraceError } from "../errors.ts";
import { SUBSCRIPTION_NAME_BYTES_MAX, SUBSCRIPTIONS_MAX } from "./limits.ts";

/** Refuses a subscription that a stream, which has so many, doesn't know yet: `bad_request`. */
export function checkSubscription(subscription: string, stream: string, count: number): void {
  const bytes = Buffer.byteLength(subscription);
  if (bytes === 0 || bytes > SUBSCRIPTION_NAME_BYTES_MAX) {
    throw new HeadraceError(
      "bad_request",
      `a subscription's name has 1 to ${SUBSCRIPTION_NAME_BYTES_MAX} bytes, this one has ${bytes}`,
    );
  }
  if (count >= SUBSCRIPTIONS_MAX) {
    throw new HeadraceError(
      "bad_request",
      `the stream ${stream} has ${SUBSCRIPTIONS_MAX} subscriptions already`,
    );
  }
}
