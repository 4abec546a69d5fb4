import { randomUUID } from "node:crypto";
import type { Log } from "../../../src/log/log.ts";
import type { LogOptions } from "../../../src/log/log-options.ts";
import { openNatsLog, type NatsLogOptions } from "../../../src/log/nats/nats-log.ts";
import { openNats, type Nats } from "../../../src/nats/open-nats.ts";
import { parseNatsUrl } from "../../../src/nats/nats-url.ts";
import type { LogUnderTest } from "../contract.ts";

/** A prefix that no other test has: its streams are its own. */
export const ownPrefix = (): string => `t${randomUUID().replaceAll("-", "").slice(0, 12)}`;

/** A connection that ends with the log. */
export interface OwnLog {
  readonly log: Log;
  readonly nats: Nats;
  close(): Promise<void>;
}

/** Opens a log with a connection of its own, as a process would. */
export async function openOwnLog(url: string, options: Omit<NatsLogOptions, "nats">): Promise<OwnLog> {
  const nats = await openNats(parseNatsUrl(url), "tests");
  try {
    const log = await openNatsLog({ ...options, nats });
    return {
      log,
      nats,
      close: async () => {
        await log.close();
        await nats.close();
      },
    };
  } catch (error) {
    await nats.close();
    throw error;
  }
}

/** For the contract: each has streams of its own on a server that all share. */
export async function natsLogUnderTest(
  url: () => string,
  more: Partial<LogOptions> = {},
): Promise<LogUnderTest> {
  const address = new URL(url());
  address.searchParams.set("prefix", ownPrefix());
  const opened: OwnLog[] = [];
  return {
    open: async (streams) => {
      const own = await openOwnLog(address.href, { ...more, streams });
      opened.push(own);
      return own.log;
    },
    destroy: async () => {
      const { nats } = await openOwnLog(address.href, { streams: [] });
      for await (const { config } of nats.manager.streams.list()) {
        if (config.name.startsWith(nats.prefix)) await nats.manager.streams.delete(config.name);
      }
      await nats.close();
      for (const own of opened) await own.close();
    },
  };
}
