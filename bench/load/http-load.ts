import { Bodies } from "./bodies.ts";
import { Exchange, type Answer } from "./exchange.ts";
import type { GetJob, LoadResult, PostJob } from "./job.ts";
import { Recorder } from "./recorder.ts";

/** An overloaded server's request is sent again after this many milliseconds. */
const RETRY_AFTER = 100;
/** How often requests that are due are looked for, in milliseconds. */
const TICK = 1;

const REJECTED = Buffer.from('"rejected":');
const NONE_REJECTED = Buffer.from('"rejected":0,');

interface Request {
  readonly head: string;
  readonly body?: Buffer;
  readonly events: number;
}

/** Sends requests until the job is done; `began` is called when the warm-up is over. */
export function runHttpLoad(job: PostJob | GetJob, began: () => void): Promise<LoadResult> {
  return new HttpLoad(job, began).run();
}

class HttpLoad {
  readonly #job: PostJob | GetJob;
  readonly #began: () => void;
  readonly #recorder = new Recorder();
  readonly #lines: Line[] = [];
  readonly #idle: Line[] = [];
  readonly #next: () => Request | undefined;
  readonly #done = Promise.withResolvers<void>();
  /** Milliseconds between requests, 0 for as fast as answers come. */
  readonly #interval: number;
  #due = 0;
  #open = 0;
  #stopped = false;

  constructor(job: PostJob | GetJob, began: () => void) {
    this.#job = job;
    this.#began = began;
    this.#next = job.kind === "post" ? postsOf(job) : getsOf(job);
    const rate = job.kind === "post" ? job.rate : undefined;
    this.#interval = job.kind === "post" && rate !== undefined ? (1_000 * job.eventsPerRequest) / rate : 0;
  }

  async run(): Promise<LoadResult> {
    const { until, connections, port } = this.#job;
    for (let index = 0; index < connections; index++) this.#lines.push(new Line(port, this));
    this.#due = performance.now();
    const ticking = this.#interval > 0 ? setInterval(() => this.#sendDue(), TICK) : undefined;
    if ("events" in until) this.#begin();
    if (this.#interval > 0) this.#idle.push(...this.#lines);
    else for (const line of this.#lines) this.#sendOn(line, performance.now());
    const timers =
      "seconds" in until
        ? [
            setTimeout(() => this.#begin(), until.warmup * 1_000),
            setTimeout(() => this.#stop(), (until.warmup + until.seconds) * 1_000),
          ]
        : [];
    try {
      await this.#done.promise;
    } finally {
      clearInterval(ticking);
      for (const timer of timers) clearTimeout(timer);
      for (const line of this.#lines) line.close();
    }
    return this.#recorder.result();
  }

  /** An answer came on a line. */
  answered(line: Line, answer: Answer, request: Request, since: number): void {
    const { status } = answer;
    if (status === 429) {
      this.#recorder.refused(status);
      setTimeout(() => line.send(request, since), RETRY_AFTER);
      return;
    }
    if (status >= 200 && status < 400 && this.#tookAll(answer)) {
      this.#recorder.answered(status, request.events, performance.now() - since);
    } else this.#recorder.refused(status, answer.bytes.toString("utf8", 0, 2_000));
    this.#open--;
    const pause = this.#job.kind === "get" ? (this.#job.pause ?? 0) : 0;
    if (this.#interval > 0) {
      this.#idle.push(line);
      this.#sendDue();
    } else if (pause > 0) setTimeout(() => this.#sendOn(line, performance.now()), pause);
    else this.#sendOn(line, performance.now());
  }

  /** A 2xx may have rejected events in it: where none was spoilt, that would be a figure of something else. */
  #tookAll({ bytes }: Answer): boolean {
    if (this.#job.kind === "get" || this.#job.spoilEvery !== undefined) return true;
    return !bytes.includes(REJECTED) || bytes.includes(NONE_REJECTED);
  }

  failed(error: Error): void {
    this.#done.reject(error);
  }

  #sendDue(): void {
    const now = performance.now();
    while (this.#due <= now) {
      const line = this.#idle.pop();
      if (line === undefined) return;
      if (!this.#sendOn(line, this.#due)) return;
      this.#due += this.#interval;
    }
  }

  #sendOn(line: Line, since: number): boolean {
    const request = this.#stopped ? undefined : this.#next();
    if (request === undefined) {
      if (this.#open === 0) this.#stop();
      return false;
    }
    this.#open++;
    line.send(request, since);
    return true;
  }

  #begin(): void {
    this.#recorder.begin();
    this.#began();
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#recorder.end();
    const now = performance.now();
    for (const line of this.#lines) {
      const since = line.waitsSince;
      if (this.#interval > 0 && since !== undefined) this.#recorder.waiting(now - since);
    }
    this.#done.resolve();
  }
}

/** A connection and the request that is on it. */
class Line {
  readonly #exchange: Exchange;
  #request: Request | undefined;
  #since = 0;

  constructor(port: number, load: HttpLoad) {
    this.#exchange = new Exchange(
      port,
      (answer) => {
        const request = this.#request;
        this.#request = undefined;
        if (request !== undefined) load.answered(this, answer, request, this.#since);
      },
      (error) => load.failed(error),
    );
  }

  send(request: Request, since: number): void {
    this.#request = request;
    this.#since = since;
    this.#exchange.send(request.head, request.body);
  }

  /** When the request that is on it was due; undefined while there is none. */
  get waitsSince(): number | undefined {
    return this.#request === undefined ? undefined : this.#since;
  }

  close(): void {
    this.#exchange.close();
  }
}

function postsOf(job: PostJob): () => Request | undefined {
  const { eventsPerRequest, paths, contentType, until } = job;
  const bodies = new Bodies(job.lines, eventsPerRequest, job.pass, job.spoilEvery);
  const starts = paths.map(
    (path) => `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${job.port}\r\ncontent-type: ${contentType}\r\n`,
  );
  let left = "events" in until ? until.events : Number.POSITIVE_INFINITY;
  let count = 0;
  return () => {
    if (left < eventsPerRequest) return undefined;
    left -= eventsPerRequest;
    const body = bodies.next();
    const start = starts[count % starts.length] ?? "";
    const key = job.keys !== false ? `idempotency-key: ${job.pass}-${count}\r\n` : "";
    count++;
    const head = `${start}${key}content-length: ${body.length}\r\n\r\n`;
    return { head, body, events: eventsPerRequest };
  };
}

function getsOf(job: GetJob): () => Request {
  const requests = job.paths.map((path) => ({
    head: `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${job.port}\r\naccept: application/json\r\n\r\n`,
    events: 0,
  }));
  let count = 0;
  return () => {
    const request = requests[count++ % requests.length];
    if (request === undefined) throw new Error("no paths to ask for");
    return request;
  };
}
