import { once } from "node:events";
import { createServer } from "node:net";
import { HeadraceError, messageOf } from "../errors.ts";

export interface Address {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/**
 * Takes the address and gives it back at once, so that a start that can't listen fails before it has touched anything.
 * @throws HeadraceError as `HttpServer.listen` does.
 */
export async function checkAddress(address: Address): Promise<void> {
  const probe = createServer();
  try {
    probe.listen({ ...address, exclusive: true });
    await once(probe, "listening");
  } catch (error) {
    throw listenError(error, address);
  }
  const closed = once(probe, "close");
  probe.close();
  await closed;
}

/** What to say when an address can't be listened on. */
export function listenError(error: unknown, { host, port }: Address): HeadraceError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const cause = { cause: error };
  switch (code) {
    case "EADDRINUSE":
      return new HeadraceError("port_in_use", `Port ${port} of ${host} is in use by another program`, cause);
    case "EACCES":
      return new HeadraceError(
        "config_invalid",
        `HEADRACE_PORT ${port}: this user may not listen on it`,
        cause,
      );
    default:
      return new HeadraceError("config_invalid", `HEADRACE_HOST "${host}": ${messageOf(error)}`, cause);
  }
}
