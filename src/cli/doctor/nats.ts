import type { StreamInfo } from "@nats-io/jetstream";
import { messageOf } from "../../errors.ts";
import { PAYLOAD_BYTES_MIN } from "../../log/nats/limits.ts";
import { namesOf, stateStream } from "../../log/nats/names.ts";
import { parseNatsUrl } from "../../nats/nats-url.ts";
import type { Nats } from "../../nats/open-nats.ts";
import { SECOND } from "../../units.ts";
import type { Finding } from "./finding.ts";
import { plural, showBytes } from "./show.ts";

/** How long the servers may take to answer, in milliseconds. */
const PATIENCE = 3 * SECOND;
/** Copies of which one may be lost, with what a crash of its machine took from it. */
const REPLICAS_SAFE = 3;
/** The first version in which a server can be told to sync each message. */
const SYNC_ALWAYS_SINCE = "2.10";
/** The first version whose replicas were seen to stay the same over repeated splits of the network (docs/SCALE.md). */
const SPLITS_SURVIVED_SINCE = "2.10";

/** Looks at the log on NATS JetStream that a URL names, and changes nothing there. */
export async function examineNats(
  url: string,
  project: string,
  streams: readonly string[] | undefined,
): Promise<readonly Finding[]> {
  const { openNats } = await import("../../nats/open-nats.ts");
  let nats: Nats;
  try {
    nats = await openNats(parseNatsUrl(url), project, {}, PATIENCE);
  } catch (error) {
    return [
      {
        check: "log.nats",
        state: "problem",
        found: messageOf(error),
        meaning: "No server of this project takes events.",
        advice:
          "Start the NATS servers of HEADRACE_LOG_URL with JetStream (nats-server -js), and give the user the right to use it.",
      },
    ];
  }
  try {
    const wanted = streams ?? [];
    const state = await streamFinding(nats, stateStream(nats.prefix));
    const events = await Promise.all(
      wanted.map((name) => streamFinding(nats, namesOf(nats.prefix, name).stream)),
    );
    return [serverFinding(nats), payloadFinding(nats), durabilityFinding(nats), ...[state, ...events].flat()];
  } catch (error) {
    return [
      { check: "log.nats", state: "problem", found: `JetStream stopped answering: ${messageOf(error)}` },
    ];
  } finally {
    await nats.close();
  }
}

function serverFinding({ connection, options }: Nats): Finding {
  const { info } = connection;
  const version = info?.version ?? "unknown";
  const cluster = info?.cluster ?? null;
  const where = cluster === null ? "a single server" : `of the cluster ${cluster}`;
  const finding = {
    check: "log.nats",
    found: `nats-server ${version} at ${connection.getServer()}, ${where}, with JetStream`,
    values: { version, cluster, servers: options.servers.length },
  } as const;
  if (cluster === null || !isBefore(version, SPLITS_SURVIVED_SINCE)) return { ...finding, state: "ok" };
  return {
    ...finding,
    state: "warning",
    meaning:
      "In clusters of this version replicas can part ways when the network splits, and then acknowledged events are lost.",
    advice: `Upgrade to nats-server ${SPLITS_SURVIVED_SINCE} or later (docs/SCALE.md).`,
  };
}

function payloadFinding({ connection }: Nats): Finding {
  const payload = connection.info?.max_payload ?? 0;
  const finding = {
    check: "log.nats_payload",
    found: `messages of up to ${showBytes(payload)}`,
    values: { max_payload_bytes: payload },
  } as const;
  if (payload >= PAYLOAD_BYTES_MIN) return { ...finding, state: "ok" };
  return {
    ...finding,
    state: "problem",
    meaning: "A message can't hold its headers and events.",
    advice: `Set max_payload to ${PAYLOAD_BYTES_MIN} or more in the configuration of the NATS servers; 1 MB is their default.`,
  };
}

/** Whether a 2xx survives the loss of a machine's power. What a server syncs it tells nobody, so that it can't be asked. */
function durabilityFinding({ connection, options }: Nats): Finding {
  const version = connection.info?.version ?? "";
  const { replicas } = options;
  const values = { replicas, version };
  if (replicas >= REPLICAS_SAFE) {
    return {
      check: "log.nats_durability",
      state: "ok",
      found: `${plural(replicas, "replica")}: what is acknowledged is on a majority of the servers`,
      meaning:
        "They must be on separate machines and disks: with the default sync_interval all of them losing power at once loses up to two minutes. Nobody can ask a server where it stands.",
      values,
    };
  }
  const upgrade = isBefore(version, SYNC_ALWAYS_SINCE)
    ? `upgrade to nats-server ${SYNC_ALWAYS_SINCE} or later and `
    : "";
  return {
    check: "log.nats_durability",
    state: "warning",
    found: `${plural(replicas, "replica")}: the promise of a 2xx hangs on the server's sync_interval, which it doesn't tell`,
    meaning:
      "Without `sync_interval: always` a server that loses its power loses the acknowledged events of the last minutes.",
    advice: `Set replicas=${REPLICAS_SAFE} in HEADRACE_LOG_URL with a cluster on separate disks, or ${upgrade}set sync_interval: always in its jetstream block (docs/SCALE.md).`,
    values,
  };
}

async function streamFinding(nats: Nats, name: string): Promise<readonly Finding[]> {
  const check = "log.nats_stream";
  let info: StreamInfo;
  try {
    info = await nats.manager.streams.info(name);
  } catch (error) {
    if (!/stream not found/i.test(messageOf(error))) throw error;
    return [
      { check, state: "ok", found: `${name} isn't there yet: a start makes it`, values: { stream: name } },
    ];
  }
  const { messages, bytes } = info.state;
  const replicas = info.config.num_replicas;
  const lagging = (info.cluster?.replicas ?? []).filter(({ current, offline }) => !current || offline);
  const values = { stream: name, messages, bytes, replicas, lagging: lagging.length };
  const found = `${name}: ${plural(messages, "message")}, ${showBytes(bytes)}, ${plural(replicas, "replica")}`;
  if (lagging.length > 0) {
    return [
      {
        check,
        state: "warning",
        found: `${found}, of which ${lagging.map((peer) => peer.name).join(" and ")} lag behind or are gone`,
        meaning: "One more server that fails may stop the stream.",
        advice: "Look at those servers and their logs.",
        values,
      },
    ];
  }
  if (replicas < nats.options.replicas) {
    return [
      {
        check,
        state: "warning",
        found: `${found}, and ${nats.options.replicas} are configured`,
        advice: "The next start raises them.",
        values,
      },
    ];
  }
  return [{ check, state: "ok", found, values }];
}

function isBefore(version: string, since: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split(".").map(Number);
  return major < sinceMajor || (major === sinceMajor && minor < sinceMinor);
}
