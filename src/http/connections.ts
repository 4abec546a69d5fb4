import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";

export interface DrainTimes {
  /** How long a connection may still speak on which nothing is asked. Milliseconds. */
  readonly grace: number;
  /** Connections that outlast this are cut. Milliseconds. */
  readonly timeout: number;
}

/**
 * A server's connections and what is asked on them, so that a stop leaves no request without an answer. A server can't
 * know of a request that is just being sent to it. So it says `Connection: close` with every answer of the stop, and lets
 * connections on which nothing is asked speak for a while before it closes them (as nginx's `keepalive_min_timeout` does).
 */
export class Connections {
  readonly #server: Server;
  readonly #newest = new WeakMap<Socket, IncomingMessage>();
  readonly #watchers = new Set<() => void>();
  #open = 0;
  #inFlight = 0;
  /** When a client was last told, by a new connection or by an answer, that it may ask on it. */
  #lastInvited = 0;

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#open += 1;
      this.#lastInvited = performance.now();
      socket.once("close", () => {
        this.#open -= 1;
        this.#changed();
      });
    });
  }

  /** Counts a request as in flight until its answer has left, or can't any more; then `ended` is called. */
  begin(request: IncomingMessage, response: ServerResponse, ended: () => void): void {
    this.#newest.set(request.socket, request);
    this.#inFlight += 1;
    response.once("close", () => {
      this.#inFlight -= 1;
      if (response.getHeader("connection") !== "close") this.#lastInvited = performance.now();
      this.#changed();
      ended();
    });
  }

  /** Whether none has come after it on its connection: nothing is answered there any more behind a `Connection: close`. */
  isNewest(request: IncomingMessage): boolean {
    return this.#newest.get(request.socket) === request;
  }

  /**
   * Lets what is in flight be answered, and whatever still comes within the grace, then closes every connection. Until
   * the grace is over new connections are taken, so that whoever asks hears that the server is stopping; they have as
   * much time to speak as the others. Whoever registered the requests refuses new work meanwhile.
   */
  async drain({ grace, timeout }: DrainTimes): Promise<void> {
    const cut = setTimeout(() => this.#server.closeAllConnections(), timeout);
    await this.#until(() => this.#open === 0, performance.now() + grace);
    await this.#until(() => this.#inFlight === 0);
    // Not the HTTP server's own `close`, which would close what is idle at once.
    NetServer.prototype.close.call(this.#server);
    await this.#until(() => this.#open === 0, this.#lastInvited + grace);
    await this.#until(() => this.#inFlight === 0);
    // What is left has been silent all the time, or sent half a request.
    this.#server.closeAllConnections();
    clearTimeout(cut);
  }

  /** Waits until the condition holds, at most until the deadline on the clock of `performance.now`. */
  #until(condition: () => boolean, deadline?: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      const look = (): void => {
        if (condition()) end();
      };
      const wait = deadline === undefined ? undefined : Math.max(0, deadline - performance.now());
      const timer = wait === undefined ? undefined : setTimeout(end, wait);
      this.#watchers.add(look);
      look();
    });
  }

  #changed(): void {
    for (const look of this.#watchers) look();
  }
}
