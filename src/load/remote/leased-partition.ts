import { HeadraceError } from "../../errors.ts";
import type { Log } from "../../log/log.ts";
import type { Stream } from "../../project/declarations.ts";
import type { Store, TableSpec } from "../../store/store.ts";
import { tableSpec } from "../../store/table-spec.ts";
import { SECOND } from "../../units.ts";
import { pause } from "../backoff.ts";
import type { CallRequest, Calls } from "../calls.ts";
import type { Ledgers } from "../ledgers.ts";
import type { Lease } from "../leases.ts";
import type { LedgerState } from "../ledger-state.ts";
import { SETTLED_INTERVAL, type LoadLimits } from "../limits.ts";
import type { LoadObserver, LoadStatus, WhatToErase } from "../load.ts";
import { PartitionLoader } from "../partition-loader.ts";
import { StreamRebuild } from "../rebuild/stream-rebuild.ts";
import { fencedStore } from "./fenced-store.ts";
import { LOG_PATIENCE } from "./partition-view.ts";
import { toWire } from "../rebuild/rebuild-wire.ts";

/** How often it is looked what others should be told of the partition, in milliseconds. */
const TELL_INTERVAL = 0.5 * SECOND;

export interface LeasedPartitionOptions {
  readonly log: Log;
  readonly store: Store;
  readonly stream: Stream;
  /** Of every table of the store. */
  readonly specs: readonly TableSpec[];
  readonly ledgers: Ledgers;
  readonly calls: Calls;
  readonly limits: LoadLimits;
  readonly observer: LoadObserver;
  readonly clock: () => number;
  readonly sure: () => number;
  /** Rows of the stream's table may have become visible. */
  readonly visible: () => void;
}

/** Loads a partition as long as its lease lasts. */
export class LeasedPartition {
  /** Resolves when what was left open is reconciled, or when there is trouble with it. */
  readonly started: Promise<void>;
  /** Resolves when the lease is over, the work has ended, and others may take it. */
  readonly ended: Promise<void>;
  readonly #options: LeasedPartitionOptions;
  readonly #lease: Lease;
  readonly #loader: PartitionLoader;
  readonly #rebuild: StreamRebuild;

  constructor(options: LeasedPartitionOptions, lease: Lease) {
    this.#options = options;
    this.#lease = lease;
    const { ledgers, stream, log, clock } = options;
    const { partition } = lease;
    const store = fencedStore(options.store, lease);
    this.#loader = new PartitionLoader({
      ...options,
      store,
      partition,
      folder: "",
      ledgerFile: () => ledgers.open(lease, () => lease.lost()),
      takeOver: (state) => this.#takeOver(state),
    });
    const spec = tableSpec(stream);
    this.#rebuild = new StreamRebuild({ log, store, stream, spec, loader: this.#loader, clock });
    this.started = this.#loader.start();
    this.ended = this.#untilOver();
  }

  /** The ledger is this process's own by now, so nothing that the one before begins from here on comes to anything. */
  async #takeOver(state: LedgerState | undefined): Promise<void> {
    const { store, specs } = this.#options;
    // A table that it was about to put in place must not come later: it would lack what is loaded from now on.
    if (state?.switching !== undefined) await store.migrate(specs, { dryRun: false });
    if (state !== undefined) await this.#logHas(Math.max(state.loaded.offset, state.plan?.to ?? 0));
  }

  /** Waits until this process's view of the log has what the one before has loaded of it, unless it is an older log. */
  async #logHas(offset: number): Promise<void> {
    const { log, stream } = this.#options;
    const { partition, over } = this.#lease;
    const deadline = performance.now() + LOG_PATIENCE;
    while (log.status(stream.name, partition).end.offset < offset && performance.now() < deadline) {
      if (over.aborted) return;
      await pause(SETTLED_INTERVAL, over);
    }
  }

  async #untilOver(): Promise<void> {
    const { over } = this.#lease;
    const answering = this.#options.calls.answer(this.#lease, (request) => this.#answer(request));
    const telling = setInterval(() => this.#tell(), TELL_INTERVAL);
    void this.started.then(() => this.#tell());
    try {
      if (!over.aborted) {
        await new Promise((resolve) => over.addEventListener("abort", resolve, { once: true }));
      }
      await this.#rebuild.cancel(new HeadraceError("draining", "Another process is to load it now"));
      await this.#loader.stop();
    } finally {
      clearInterval(telling);
      answering.close();
      await this.#lease.release();
    }
  }

  get stream(): string {
    return this.#lease.stream;
  }

  status(): LoadStatus {
    return this.#loader.status();
  }

  #tell(): void {
    if (this.#lease.over.aborted) return;
    const { state, reason, lagAge } = this.#loader.status();
    const rebuild = this.#rebuild.status;
    this.#lease.tell({
      state,
      lagAge,
      ...(reason === undefined ? {} : { reason }),
      ...(rebuild === undefined ? {} : { rebuild: toWire(rebuild) }),
    });
  }

  async #answer(request: CallRequest): Promise<unknown> {
    switch (request.kind) {
      case "erase": {
        const { what, id, timeout } = request as unknown as EraseCall;
        // What a rebuild has filled in already would come back.
        if (this.#rebuild.status?.state === "running") {
          throw new HeadraceError("stream_busy", `A rebuild of ${this.#lease.stream} is running`, {
            retryAfterSeconds: 1,
          });
        }
        return this.#loader.erasures.ask(what, timeout, id);
      }
      case "plan rebuild":
        return this.#rebuild.plan();
      case "begin rebuild": {
        const { allowPartial } = request as unknown as RebuildCall;
        const { status } = await this.#rebuild.begin({ allowPartial });
        this.#tell();
        return toWire(status);
      }
      case "cancel rebuild":
        await this.#rebuild.cancel();
        this.#tell();
        return this.#rebuild.status === undefined ? undefined : toWire(this.#rebuild.status);
      default:
        throw new HeadraceError("bad_request", `There is no call ${JSON.stringify(request.kind)}`);
    }
  }
}

/** Asks for what `Loader.erase` does, for one partition, under this id in its ledger. */
export interface EraseCall extends CallRequest {
  readonly kind: "erase";
  readonly id: string;
  readonly what: WhatToErase;
  /** Milliseconds. */
  readonly timeout: number;
}

export interface RebuildCall extends CallRequest {
  readonly kind: "begin rebuild";
  readonly allowPartial: boolean;
}
