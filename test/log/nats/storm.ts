import { setTimeout as sleep } from "node:timers/promises";
import { HeadraceError } from "../../../src/errors.ts";
import type { Log, LogBatch, NewBatch } from "../../../src/log/log.ts";
import type { Random } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { after, batchOf, SCHEMA, START } from "../contract.ts";
import { openOwnLog, type OwnLog } from "./log-under-test.ts";

const STREAM = "flights";
/** Logs that append at once, each with a connection of its own as a process has. */
const PROCESSES = 3;
/** Batches that each of them has on the way at once. */
const CLIENTS = 4;
/** Large enough for a run of several messages, in bytes. */
const LARGE = 2_500_000;

/** What was appended, and what became of it. */
export interface SentBatch {
  readonly tag: string;
  readonly events: number;
  readonly key: string | undefined;
  /** When it was sent and answered, by `performance.now()`. */
  readonly began: number;
  ended: number;
  outcome:
    | { readonly kind: "open" }
    | {
        readonly kind: "acknowledged";
        readonly log: string;
        readonly partition: number;
        readonly offset: number;
      }
    | { readonly kind: "duplicate"; readonly bodyHash: string }
    | { readonly kind: "refused"; readonly code: string };
}

export interface Verdict {
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
  readonly changed: number;
  readonly torn: number;
  readonly problems: readonly string[];
}

/** Several logs on one cluster that append without pause, while the cluster suffers. */
export class Storm {
  readonly sent: SentBatch[] = [];
  readonly #url: string;
  readonly #random: Random;
  readonly #logs: OwnLog[] = [];
  readonly #problems: string[] = [];
  #clients: Promise<void>[] = [];
  #stopped = false;

  private constructor(url: string, random: Random) {
    this.#url = url;
    this.#random = random;
  }

  /** Resolves when the first batches are acknowledged. */
  static async begin(url: string, random: Random): Promise<Storm> {
    const storm = new Storm(url, random);
    for (let process = 0; process < PROCESSES; process += 1) {
      const observer = {
        tailLost: () => storm.#problems.push(`process ${process} took its servers for having lost something`),
      };
      storm.#logs.push(await openOwnLog(url, { streams: STREAMS, observer }));
    }
    storm.#clients = storm.#logs.flatMap(({ log }, process) =>
      Array.from({ length: CLIENTS }, (_, client) => storm.#run(log, `${process}/${client}`)),
    );
    await storm.flows();
    return storm;
  }

  /** Resolves when every log gets something acknowledged that is sent from now on. */
  async flows(timeout = 60_000): Promise<void> {
    const since = performance.now();
    const flowing = (process: number): boolean =>
      this.sent.some(
        ({ tag, began, outcome }) =>
          tag.startsWith(`${process}/`) && began > since && outcome.kind === "acknowledged",
      );
    await until(() => this.#logs.every((_, process) => flowing(process)), { timeout });
  }

  /** How many batches were acknowledged in a time. */
  acknowledgedBetween(from: number, to: number): number {
    return this.sent.filter(
      ({ began, ended, outcome }) => outcome.kind === "acknowledged" && began >= from && ended <= to,
    ).length;
  }

  async #run(log: Log, client: string): Promise<void> {
    for (let n = 0; !this.#stopped; n += 1) {
      const tag = `${client}/${n}`;
      const { batch, key, events } = this.#batch(tag);
      const sent: SentBatch = {
        tag,
        events,
        key,
        began: performance.now(),
        ended: 0,
        outcome: { kind: "open" },
      };
      this.sent.push(sent);
      try {
        const appended = await log.append(STREAM, batch);
        sent.outcome =
          appended.kind === "duplicate"
            ? { kind: "duplicate", bodyHash: appended.first.bodyHash }
            : { kind: "acknowledged", ...appended.position, partition: appended.partition };
      } catch (error) {
        sent.outcome = { kind: "refused", code: error instanceof HeadraceError ? error.code : String(error) };
        await sleep(20);
      }
      sent.ended = performance.now();
      await sleep(this.#random.below(4));
    }
  }

  /** Of one to five events, seldom of many bytes; every other one with a key that another process may use too. */
  #batch(tag: string): { batch: NewBatch; key: string | undefined; events: number } {
    const events = 1 + this.#random.below(5);
    const key = this.#random.chance(0.5) ? `key ${this.#random.below(2_000)}` : undefined;
    const pad = this.#random.chance(0.004) ? LARGE / events / 2 : this.#random.below(50);
    const batch = batchOf(tag, {
      events,
      pad,
      acceptedAt: Date.now(),
      ...(key === undefined ? {} : { key }),
    });
    return { batch, key, events };
  }

  /** Ends the appending, reads everything with a new log and one of the old, and compares it with what was answered. */
  async judge(): Promise<Verdict> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    const fresh = await openOwnLog(this.#url, { streams: STREAMS });
    const found = await readPartitions(fresh.log);
    const problems = [...this.#problems];
    for (const { log } of this.#logs) {
      let again = "";
      const isSame = async (): Promise<boolean> => {
        again = placesOf(await readPartitions(log).catch((error: unknown) => String(error)));
        return again === placesOf(found);
      };
      // What other processes wrote last may not have come to this one yet.
      await until(isSame, { timeout: CATCHING_UP }).catch(() => {
        const difference = firstDifference(again, placesOf(found));
        problems.push(`a log that lived through it reads something else than a new one: ${difference}`);
      });
    }
    const keys = fresh.log.status(STREAM, 0).keys;
    await fresh.close();
    return judgeBatches(this.sent, found, problems, keys);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    for (const log of this.#logs) await log.close();
  }
}

/** How long a log may take to see what others wrote, in milliseconds. */
const CATCHING_UP = 20_000;
const STREAMS = [{ name: STREAM, schema: SCHEMA }];

async function readPartitions(log: Log): Promise<LogBatch[]> {
  const batches: LogBatch[] = [];
  for (let partition = 0; partition < log.capabilities.partitions; partition += 1) {
    let position = START;
    for (;;) {
      const page = await log.read(STREAM, partition, position, { bytes: 4_000_000, events: 5_000 });
      if (page.length === 0) break;
      batches.push(...page);
      position = after(page.at(-1));
    }
  }
  return batches;
}

const placesOf = (found: readonly LogBatch[] | string): string =>
  typeof found === "string"
    ? found
    : found.map(({ log, partition, offset }) => `${log} ${partition}/${offset}`).join();

/** Every acknowledged batch is there once, whole and where it was said to be; no other is there, and no key twice. */
function judgeBatches(
  sent: readonly SentBatch[],
  found: readonly LogBatch[],
  before: string[],
  keys: number,
): Verdict {
  const problems = [...before];
  const bySent = new Map(sent.map((one) => [one.tag, one]));
  const there = new Map<string, LogBatch[]>();
  const ends = new Map<number, number>();
  const verdict = { acknowledged: 0, lost: 0, doubled: 0, changed: 0, torn: 0 };
  for (const batch of found) {
    const { tag, count } = contentOf(batch);
    there.set(tag, [...(there.get(tag) ?? []), batch]);
    const end = ends.get(batch.partition) ?? 0;
    if (batch.offset !== end)
      problems.push(`offset ${batch.offset} follows ${end} in partition ${batch.partition}`);
    ends.set(batch.partition, batch.offset + batch.events.count);
    if (count !== bySent.get(tag)?.events || count !== batch.events.count) verdict.torn += 1;
  }
  if (new Set(found.map(({ log, partition }) => `${log} ${partition}`)).size > ends.size) {
    problems.push("a new log id began, although no server lost anything");
  }
  const byKey = new Map<string, string>();
  for (const one of sent) {
    const [batch, ...more] = there.get(one.tag) ?? [];
    verdict.doubled += more.length;
    if (one.outcome.kind === "acknowledged") {
      verdict.acknowledged += 1;
      if (batch === undefined) verdict.lost += 1;
      else if (batch.offset !== one.outcome.offset || batch.log !== one.outcome.log) verdict.changed += 1;
    } else if (batch !== undefined) {
      problems.push(`${one.tag} was ${JSON.stringify(one.outcome)}, and is in the log`);
    }
    if (batch === undefined || one.key === undefined) continue;
    if (byKey.has(one.key)) problems.push(`${one.key} is in the log twice`);
    byKey.set(one.key, one.tag);
  }
  for (const { outcome, key, tag } of sent) {
    if (outcome.kind !== "duplicate" || outcome.bodyHash === `hash of ${byKey.get(key ?? "")}`) continue;
    problems.push(`${tag} was told of ${outcome.bodyHash} under ${key}, which ${byKey.get(key ?? "")} has`);
  }
  if (keys !== byKey.size) problems.push(`a new log remembers ${keys} keys of ${byKey.size}`);
  const codes = sent.flatMap(({ outcome }) => (outcome.kind === "refused" ? [outcome.code] : []));
  const strange = [...new Set(codes)].filter((code) => code !== "log_unreachable" && code !== "overloaded");
  if (strange.length > 0) problems.push(`batches were refused with ${strange.join(", ")}`);
  return { ...verdict, problems: problems.slice(0, PROBLEMS_MAX) };
}

const PROBLEMS_MAX = 20;

function contentOf(batch: LogBatch): { tag: string; count: number } {
  const lines = batch.events.bytes.toString().trimEnd().split("\n");
  const tags = new Set(lines.map((line) => (JSON.parse(line) as { event: string }).event));
  return { tag: tags.size === 1 ? ([...tags][0] ?? "") : "", count: lines.length };
}

/** Where two texts part, with what stands there. */
function firstDifference(a: string, b: string): string {
  let at = 0;
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at += 1;
  const around = (text: string): string => text.slice(Math.max(0, at - 80), at + 80);
  return `${a.length} and ${b.length} characters, from ${at} on: …${around(a)}… and …${around(b)}…`;
}
