import { randomUUID } from "node:crypto";
import type { Endpoint } from "../project/declarations.ts";
import type { BoundSql } from "../project/sql.ts";
import type { Store } from "../store/store.ts";
import { SECOND } from "../units.ts";
import { Answer } from "./answer.ts";
import { beginAnswer, weakTag } from "./begin-answer.ts";
import type { StreamedParts } from "./begin-answer.ts";
import type { AnswerCache } from "./cache/answer-cache.ts";
import { SharedRuns } from "./cache/shared-runs.ts";
import type { SqlTraits } from "./cache/sql-traits.ts";
import { VOCABULARIES } from "./cache/vocabulary.ts";
import type { VersionsOf } from "./cache/versions.ts";
import { endpointSql } from "./endpoint-sql.ts";
import { matchesEtag } from "./negotiate.ts";
import type { AnswerFormat } from "./negotiate.ts";
import type { SqlKnowledge } from "./cache/sql-knowledge.ts";

/** Requests for an answer that depends on the clock share a run for no longer than this after it began. */
export const CLOCK_SHARING_MAX = SECOND;

export interface RunnerDeps {
  readonly store: Store;
  readonly cache: AnswerCache;
  readonly knowledge: SqlKnowledge;
  readonly versionsOf: VersionsOf;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

export interface RunRequest {
  readonly format: AnswerFormat;
  readonly ifNoneMatch: string | undefined;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
}

/** How an answer came about: kept from before, run for this request, or shared with another that was in flight. */
export type CacheOutcome = "hit" | "miss" | "shared";

export type EndpointOutcome = { readonly cache: CacheOutcome } & (
  | { readonly kind: "whole"; readonly answer: Answer }
  | { readonly kind: "unchanged"; readonly etag: string }
  | { readonly kind: "streamed"; readonly etag: string | undefined; readonly parts: StreamedParts }
);

/** What a run gives: the whole answer, or the beginning of one that one caller may take over and stream. */
type RunResult =
  | { readonly kind: "whole"; readonly answer: Answer }
  | { readonly kind: "large"; readonly parts: StreamedParts; taken: boolean };

/** One request's query, with all that is known about it. */
interface Job {
  readonly endpoint: Endpoint;
  readonly sql: BoundSql;
  readonly traits: SqlTraits;
  readonly format: AnswerFormat;
  /** The same endpoint, SQL, values and format have the same key. */
  readonly key: string;
  /** The versions of its streams before it runs: what is loaded meanwhile makes its answer an old one. */
  readonly versions: string;
  /** Known beforehand for what is deterministic: it stands for the key and the versions. */
  readonly etag: string | undefined;
}

/** Runs endpoints, with the cache before them. */
export class EndpointRunner {
  readonly #deps: RunnerDeps;
  readonly #runs = new SharedRuns<RunResult>();
  /** Versions start again with the process, so its tags must differ from those of the process before. */
  readonly #epoch = randomUUID();

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
  }

  /** Answers an endpoint for parameters as its schema gives them. */
  async run(
    endpoint: Endpoint,
    params: Record<string, unknown>,
    request: RunRequest,
  ): Promise<EndpointOutcome> {
    const { knowledge, cache, versionsOf } = this.#deps;
    const sql = endpointSql(endpoint, params, this.#deps.store.capabilities.dialect);
    const known = knowledge.knownTraits(sql.text) ?? (await knowledge.traits(sql.text));
    const traits = this.#readsClock(sql) ? { ...known, deterministic: false } : known;
    const { format } = request;
    const key = JSON.stringify([endpoint.name, format, sql.text, sql.params]);
    const versions = versionsOf(traits.streams);
    if (!traits.deterministic) {
      return this.#share({ endpoint, sql, traits, format, key, versions, etag: undefined }, request);
    }
    const kept = cache.get(key, versions);
    const etag = kept?.etag ?? weakTag(`${this.#epoch}\n${versions}\n${key}`);
    if (matchesEtag(request.ifNoneMatch, etag)) return { kind: "unchanged", etag, cache: "hit" };
    if (kept !== undefined) return { kind: "whole", answer: kept, cache: "hit" };
    return this.#share({ endpoint, sql, traits, format, key, versions, etag }, request);
  }

  /** A text beside a date may be 'now' on PostgreSQL, and which value is what only the server knows. */
  #readsClock({ params }: BoundSql): boolean {
    const { clockText } = VOCABULARIES[this.#deps.store.capabilities.dialect];
    if (clockText === undefined) return false;
    return Object.values(params).some(({ value }) => typeof value === "string" && clockText.test(value));
  }

  async #share(job: Job, request: RunRequest): Promise<EndpointOutcome> {
    // With the versions in its key, a run that began before something was loaded is never joined after it.
    const second = job.etag === undefined ? Math.floor(this.#deps.clock() / CLOCK_SHARING_MAX) : "";
    const { result, joined } = await this.#runs.join(
      `${job.versions}\n${second}\n${job.key}`,
      request.signal,
      (signal) => this.#start(job, signal),
    );
    const cache = joined ? "shared" : "miss";
    if (result.kind === "whole") {
      const { answer } = result;
      const unchanged = matchesEtag(request.ifNoneMatch, answer.etag);
      return unchanged ? { kind: "unchanged", etag: answer.etag, cache } : { kind: "whole", answer, cache };
    }
    if (!result.taken) {
      result.taken = true;
      return { kind: "streamed", etag: job.etag, parts: result.parts, cache };
    }
    // Too large to share, and another caller has taken it: this one needs a run of its own.
    const own = await this.#start(job, request.signal);
    return own.kind === "whole"
      ? { kind: "whole", answer: own.answer, cache: "miss" }
      : { kind: "streamed", etag: job.etag, parts: own.parts, cache: "miss" };
  }

  async #start(job: Job, signal: AbortSignal): Promise<RunResult> {
    const { endpoint, sql, format } = job;
    const begun = await beginAnswer(this.#deps.store, { sql, limits: endpoint.limits, format, signal });
    if (begun.kind === "large") return { ...begun, taken: false };
    const answer = new Answer(format, begun.body, job.etag ?? weakTag(...begun.told));
    if (job.traits.deterministic && this.#deps.versionsOf(job.traits.streams) === job.versions) {
      this.#deps.cache.put(job.key, job.versions, answer);
    }
    return { kind: "whole", answer };
  }
}
