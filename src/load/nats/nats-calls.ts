import { errors, type Msg } from "@nats-io/transport-node";
import { ERRORS, HeadraceError, messageOf, toHeadraceError, type ErrorCode } from "../../errors.ts";
import type { Nats } from "../../nats/open-nats.ts";
import type { Answering, CallRequest, Calls } from "../calls.ts";
import type { PartitionName } from "../leases.ts";
import { loadNames } from "./names.ts";

/** What goes over the wire for a HeadraceError. */
interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
}

type Answer = { readonly value: unknown } | { readonly error: WireError };

/** Calls as requests and replies of NATS. */
export function natsCalls({ connection, prefix }: Nats): Calls {
  const names = loadNames(prefix);
  return {
    async ask(partition, request, timeout) {
      let message: Msg;
      try {
        message = await connection.request(names.call(partition), JSON.stringify(request), { timeout });
      } catch (error) {
        throw failedCall(partition, error);
      }
      const answer = message.json<Answer>();
      if ("error" in answer) throw fromWire(answer.error);
      return answer.value;
    },
    answer(partition, answer): Answering {
      const subscription = connection.subscribe(names.call(partition), {
        callback: (_error, message) => void reply(message, answer),
      });
      return { close: () => subscription.unsubscribe() };
    },
  };
}

async function reply(message: Msg, answer: (request: CallRequest) => Promise<unknown>): Promise<void> {
  let result: Answer;
  try {
    result = { value: (await answer(message.json<CallRequest>())) ?? null };
  } catch (error) {
    result = { error: toWire(toHeadraceError(error)) };
  }
  try {
    message.respond(JSON.stringify(result));
  } catch {
    // The connection has gone, and so nobody waits for it.
  }
}

function failedCall({ stream, partition }: PartitionName, error: unknown): HeadraceError {
  // The client wraps the reason that nobody listens in an error of the request.
  const isAlone = error instanceof errors.RequestError && error.isNoResponders();
  if (isAlone || error instanceof errors.NoRespondersError) {
    return new HeadraceError("overloaded", `No process loads partition ${partition} of ${stream} just now`, {
      cause: error,
      retryAfterSeconds: 1,
    });
  }
  return new HeadraceError(
    "lease_lost",
    `The process that loads partition ${partition} of ${stream} didn't answer: ${messageOf(error)}`,
    { cause: error },
  );
}

function toWire({ code, message, details, retryAfterSeconds }: HeadraceError): WireError {
  return { code, message, details, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) };
}

function fromWire({ code, message, details, retryAfterSeconds }: WireError): HeadraceError {
  const known: ErrorCode = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "internal_error";
  return new HeadraceError(known, message, {
    details,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}
