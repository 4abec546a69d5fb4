import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import { HeadraceError } from "../errors.ts";
import { isNatsUrl } from "../nats/connect.ts";
import type { Nats } from "../nats/open-nats.ts";
import { openEmbeddedLog, type EmbeddedLogOptions } from "./embedded/embedded-log.ts";
import type { Log } from "./log.ts";

export interface OpenLogOptions extends EmbeddedLogOptions {
  /** The connection of `connectNats`, when the URL names NATS. It stays open when the log is closed. */
  readonly nats?: Nats | undefined;
}

/**
 * Opens the log that a URL names. `file:` is the embedded log in `options.folder`; `file:<path>` and `file:///<path>`
 * put it elsewhere. `nats:` and `tls:` are NATS JetStream by `options.nats`. Anything else is `config_invalid`.
 */
export async function openLog(url: string, { nats, ...options }: OpenLogOptions): Promise<Log> {
  if (nats !== undefined && isNatsUrl(url)) {
    const { openNatsLog } = await import("./nats/nats-log.ts");
    return openNatsLog({ ...options, nats });
  }
  return openEmbeddedLog({ ...options, folder: logFolder(url, options.folder) });
}

/** Where the embedded log is that a URL names; `folder` when it doesn't say. Throws `config_invalid` for any other URL. */
export function logFolder(url: string, folder: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(url)?.[0].toLowerCase();
  if (scheme === "nats:" || scheme === "tls:") {
    throw new HeadraceError(
      "config_invalid",
      "the log is on NATS, and this works on an embedded log in a data folder only",
    );
  }
  if (scheme !== "file:") {
    throw new HeadraceError(
      "config_invalid",
      `there is no log for ${scheme === undefined ? JSON.stringify(url) : `${scheme} URLs`}: use file:, the embedded log, or nats://host:4222`,
    );
  }
  return folderOf(url.slice(scheme.length)) ?? folder;
}

function folderOf(path: string): string | undefined {
  if (path === "") return undefined;
  if (!path.startsWith("//")) return resolve(path);
  try {
    return fileURLToPath(`file:${path}`);
  } catch (error) {
    throw new HeadraceError("config_invalid", `file:${path} names no folder of this machine`, {
      cause: error,
    });
  }
}
