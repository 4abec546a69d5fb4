import { quantile } from "../measure/stats.ts";
import type { LoadResult } from "./job.ts";

/** What is measured between `begin` and `end`; what is told before or after doesn't count. */
export class Recorder {
  #latencies = new Float64Array(1 << 16);
  #samples = 0;
  #requests = 0;
  #events = 0;
  #from = 0;
  #seconds = 0;
  #cpu = process.cpuUsage();
  #on = false;
  #failure: string | undefined;
  readonly #statuses: Record<string, number> = {};

  begin(): void {
    this.#from = performance.now();
    this.#cpu = process.cpuUsage();
    this.#on = true;
  }

  end(): void {
    this.#on = false;
    this.#seconds = (performance.now() - this.#from) / 1_000;
    this.#cpu = process.cpuUsage(this.#cpu);
  }

  answered(status: number | string, events: number, latency: number): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (!this.#on) return;
    this.#add(latency);
    this.#requests++;
    this.#events += events;
  }

  /** The time is over and a request waits still, for so long now: left out, the slowest would not count. */
  waiting(latency: number): void {
    this.#add(latency);
  }

  #add(latency: number): void {
    if (this.#samples === this.#latencies.length) {
      const larger = new Float64Array(2 * this.#latencies.length);
      larger.set(this.#latencies);
      this.#latencies = larger;
    }
    this.#latencies[this.#samples++] = latency;
  }

  refused(status: number | string, why?: string): void {
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    this.#failure ??= why;
  }

  result(): LoadResult {
    const sorted = this.#latencies.slice(0, this.#samples).sort();
    return {
      requests: this.#requests,
      events: this.#events,
      seconds: this.#seconds,
      latency: {
        p50: quantile(sorted, 0.5),
        p99: quantile(sorted, 0.99),
        max: sorted.at(-1) ?? Number.NaN,
      },
      statuses: this.#statuses,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
      cpu: (this.#cpu.user + this.#cpu.system) / 1e6,
    };
  }
}
