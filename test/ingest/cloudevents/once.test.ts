import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KEYED_EVENTS_MAX } from "../../../src/ingest/limits.ts";
import { held, HELD_MAX, HELD_TEST_TIMEOUT } from "../../support/event-loop.ts";
import { seededRandom } from "../../support/random.ts";
import {
  startIngest,
  type IngestAnswer,
  type IngestTestOptions,
  type IngestUnderTest,
} from "../ingest-server.ts";
import { CLOUD_EVENT_STREAMS } from "./streams.ts";

let ingest: IngestUnderTest;
const start = async (options: IngestTestOptions = {}): Promise<void> => {
  ingest = await startIngest({ streams: CLOUD_EVENT_STREAMS, ...options });
};
beforeEach(() => start());
afterEach(async () => {
  await ingest.stop();
});

const event = (id: string, n: unknown = 1, source = "/s") => ({
  specversion: "1.0",
  id,
  source,
  type: "t",
  data: { n },
});

interface Options {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const batch = (events: readonly unknown[], options: Options = {}): Promise<IngestAnswer> =>
  ingest.post(JSON.stringify(events), {
    stream: "plain",
    type: "application/cloudevents-batch+json",
    ...options,
  });
const single = (one: unknown, options: Options = {}): Promise<IngestAnswer> =>
  ingest.post(JSON.stringify(one), { stream: "plain", type: "application/cloudevents+json", ...options });
const binary = (id: string, n: unknown = 1, options: Options = {}): Promise<IngestAnswer> =>
  ingest.post(JSON.stringify({ n }), {
    stream: "plain",
    type: "application/json",
    ...options,
    headers: { "ce-specversion": "1.0", "ce-id": id, "ce-source": "/s", "ce-type": "t", ...options.headers },
  });

const keyed = (key: string) => ({ headers: { "idempotency-key": key } });

const kept = async () => {
  const { events, rejected } = await ingest.kept("plain");
  return { events: events.map((line) => (JSON.parse(line) as { n: number }).n), rejected: rejected.length };
};

describe("an event that comes again counts once and is answered as it was the first time", () => {
  test("alone, in each mode and in a batch", async () => {
    const first = await single(event("1"));
    expect(first.headers.has("idempotency-replayed")).toBe(false);
    for (const again of [await single(event("1")), await binary("1"), await batch([event("1")])]) {
      expect(again.status).toBe(202);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
      expect(again.body).toEqual({ accepted: 1, rejected: 0, errors: [], duplicates: 1 });
    }
    expect(await kept()).toEqual({ events: [1], rejected: 0 });
  });

  test("in different batches, each event on its own", async () => {
    await batch([event("1", 1), event("2", 2)]);
    const answer = await batch([event("2", 2), event("3", 3), event("1", 1)]);
    expect(answer.body).toEqual({ accepted: 3, rejected: 0, errors: [], duplicates: 2 });
    expect(answer.headers.has("idempotency-replayed")).toBe(false);
    expect(await kept()).toEqual({ events: [1, 2, 3], rejected: 0 });
  });

  test("twice in one batch", async () => {
    const answer = await batch([event("1", 1), event("1", 1), event("2", 2)]);
    expect(answer.body).toEqual({ accepted: 3, rejected: 0, errors: [], duplicates: 1 });
    expect(await kept()).toEqual({ events: [1, 2], rejected: 0 });
  });

  test("with other data: by its source and id it is the first", async () => {
    await single(event("1", 1));
    expect((await single(event("1", 2))).body).toMatchObject({ accepted: 1, duplicates: 1 });
    expect(await kept()).toEqual({ events: [1], rejected: 0 });
  });

  test("also when it was rejected: the reasons come back at its place in the new batch", async () => {
    const first = await single(event("1", "bad"));
    expect(first.status).toBe(422);
    const again = await single(event("1", "bad"));
    expect([again.status, again.body["errors"]]).toEqual([422, first.body["errors"]]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const answer = await batch([event("2", 2), event("1", 1), event("3", "bad"), event("3", "bad")]);
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: 3,
      duplicates: 0,
      errors: [{ index: 1 }, { index: 2 }, { index: 3 }],
    });
    expect(await kept()).toEqual({ events: [2], rejected: 2 });
  });

  test("and is another event when its source or its stream is another", async () => {
    await single(event("1", 1, "/a"));
    await single(event("1", 2, "/b"));
    // Not to be mixed up when source and id are put together.
    await single(event("b/1", 3, "/a"));
    await single(event("1", 4, "/ab/"));
    expect((await kept()).events).toEqual([1, 2, 3, 4]);
    await ingest.post(JSON.stringify({ ...event("1", 1, "/a"), data: { order: "x" } }), {
      stream: "orders",
      type: "application/cloudevents+json",
    });
    expect((await ingest.kept("orders")).events).toHaveLength(1);
  });

  test("but one without an id can't be told from others, and is kept each time", async () => {
    const nameless = { ...event("1"), id: undefined };
    await batch([nameless, nameless]);
    expect((await batch([nameless])).body).toMatchObject({ rejected: 1 });
    expect((await kept()).rejected).toBe(3);
  });
});

describe("on_invalid=fail", () => {
  const fail = { query: "?on_invalid=fail" };

  test("refuses a batch for one bad event, and remembers nothing of it", async () => {
    const answer = await batch([event("1", 1), event("2", "bad")], fail);
    expect([answer.status, answer.body["kept"]]).toEqual([422, false]);
    expect((await batch([event("1", 1)], fail)).body).toMatchObject({ accepted: 1, duplicates: 0 });
    expect(await kept()).toEqual({ events: [1], rejected: 0 });
  });

  test("refuses it too for one that was rejected before", async () => {
    await single(event("2", "bad"));
    const answer = await batch([event("1", 1), event("2", 2)], fail);
    expect([answer.status, answer.body["kept"], answer.body["rejected"]]).toEqual([422, false, 1]);
    expect(await kept()).toEqual({ events: [], rejected: 1 });
  });
});

describe("an Idempotency-Key goes before the events' own identity", () => {
  test("and the answer is that of any batch", async () => {
    const first = await batch([event("1"), event("2")], keyed("a"));
    expect(first.body).toEqual({ accepted: 2, rejected: 0, errors: [] });
    const again = await batch([event("1"), event("2")], keyed("a"));
    expect([again.body, again.headers.get("idempotency-replayed")]).toEqual([first.body, "true"]);
    expect((await batch([event("1")], keyed("b"))).body).toMatchObject({ accepted: 1 });
    expect((await kept()).events).toHaveLength(3);
  });

  test("and in binary mode the attributes are part of what must be the same", async () => {
    await binary("1", 1, keyed("a"));
    expect((await binary("1", 1, keyed("a"))).headers.get("idempotency-replayed")).toBe("true");
    expect((await binary("2", 1, keyed("a"))).body["code"]).toBe("idempotency_key_reused");
  });
});

describe("wait=stored", () => {
  const wait = { query: "?wait=stored" };

  test("tells duplicates from what was stored", async () => {
    await batch([event("1", 1), event("2", 2)]);
    const answer = await batch([event("2", 2), event("3", 3), event("4", "bad")], wait);
    expect([answer.status, answer.body]).toMatchObject([
      200,
      { accepted: 2, rejected: 1, stored: 1, duplicates: 1, refused: 0 },
    ]);
    const again = await batch([event("2", 2), event("3", 3)], wait);
    expect([again.status, again.body]).toEqual([
      200,
      { accepted: 2, rejected: 0, errors: [], stored: 0, duplicates: 2, refused: 0 },
    ]);
  });

  test("isn't answered with 200 while a duplicate's first batch isn't known to be stored", async () => {
    await ingest.stop();
    await start({
      stored: async (events) => (events === 2 ? undefined : { stored: events, duplicates: 0, refused: 0 }),
    });
    await batch([event("1", 1), event("2", 2)]);
    const answer = await batch([event("1", 1), event("3", 3)], wait);
    expect([answer.status, answer.body["stored"], answer.body["duplicates"]]).toEqual([202, null, null]);
  });
});

describe("many at once", () => {
  test("each event counts once, whichever requests bring it at the same time", async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const random = seededRandom(seed);
        // Seeds may come again.
        round++;
        const ids = Array.from({ length: 30 }, (_, n) => `${round}-${n}`);
        const before = (await kept()).events.length;
        const answers = await Promise.all(
          Array.from({ length: 12 }, () => {
            const own = ids.filter(() => random.chance(0.4)).map((id) => event(id));
            const [only] = own;
            if (only === undefined) return batch([]);
            return random.chance(0.3) ? single(only) : batch(own);
          }),
        );
        const sum = (name: string): number =>
          answers.reduce((total, { body }) => total + Number(body[name] ?? 0), 0);
        const added = (await kept()).events.length - before;
        expect(answers.every(({ status }) => status === 202)).toBe(true);
        expect(sum("accepted") - sum("duplicates")).toBe(added);
        expect(added).toBeLessThanOrEqual(ids.length);
        expect((await batch(ids.map((id) => event(id)))).body).toMatchObject({ duplicates: added });
      }),
      { numRuns: 25 },
    );
  });

  test(
    "a request has so many at most, each with its own key, without holding the event loop over 50 ms",
    { timeout: HELD_TEST_TIMEOUT },
    async () => {
      let round = 0;
      const longest = await held(async () => {
        round++;
        const events = Array.from({ length: KEYED_EVENTS_MAX }, (_, n) => event(`${round}-${n}`));
        expect((await batch(events)).body).toMatchObject({ accepted: KEYED_EVENTS_MAX, duplicates: 0 });
        expect((await batch(events)).body).toMatchObject({ duplicates: KEYED_EVENTS_MAX });
      });
      expect(longest).toBeLessThan(HELD_MAX);
      const events = Array.from({ length: KEYED_EVENTS_MAX + 1 }, (_, n) => event(`more-${n}`));
      const answer = await batch(events);
      expect([answer.status, answer.body["code"]]).toEqual([413, "body_too_large"]);
      expect((await batch(events, { headers: { "idempotency-key": "k" } })).status).toBe(202);
    },
  );
});
