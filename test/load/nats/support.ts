import { makeLoadStreams } from "../../../src/load/nats/names.ts";
import { openNats, type Nats } from "../../../src/nats/open-nats.ts";
import { parseNatsUrl } from "../../../src/nats/nats-url.ts";
import type { NatsServer } from "../../support/nats-server.ts";

let worlds = 0;

/** Connections that share streams of their own on a server, as the processes of one project do. */
export interface NatsWorld {
  readonly prefix: string;
  connect(): Promise<Nats>;
  close(): Promise<void>;
}

export function natsWorld(server: NatsServer): NatsWorld {
  worlds += 1;
  const prefix = `w${worlds}`;
  const opened: Nats[] = [];
  return {
    prefix,
    async connect() {
      const nats = await openNats(parseNatsUrl(server.url(`prefix=${prefix}`)), "tests");
      opened.push(nats);
      await makeLoadStreams(nats);
      return nats;
    },
    async close() {
      await Promise.all(opened.map((nats) => nats.close()));
    },
  };
}
