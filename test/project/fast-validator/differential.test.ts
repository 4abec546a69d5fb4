import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { both, lineOf } from "./both.ts";
import { declared, type Declared } from "./declared-events.ts";
import { Engine } from "./engine.ts";

const seed = Number(process.env["HEADRACE_TEST_SEED"] ?? Date.now() % 1_000_000_000);

/** A declaration with events for it; readable when a test fails. */
class Case {
  readonly declared: Declared;
  readonly events: readonly Buffer[];

  constructor(each: Declared, events: readonly Buffer[]) {
    this.declared = each;
    this.events = events;
  }

  [fc.toStringMethod](): string {
    return `${this.declared.description} with ${this.events.join("\n")}`;
  }
}

function cases(count: number): fc.Arbitrary<Case> {
  return declared.chain((each) => {
    const good = each.good.map((text) => Buffer.from(text));
    const event = fc.oneof({ weight: 1, arbitrary: good }, { weight: 3, arbitrary: each.any });
    const events = fc.array(event, { minLength: count, maxLength: count });
    return events.map((list) => new Case(each, list));
  });
}

describe(`the fast validator against the reference (seed ${seed})`, () => {
  test("never accepts what the reference rejects", { timeout: 120_000 }, () => {
    const counts = { accepted: 0, unsure: 0, rejected: 0 };
    fc.assert(
      fc.property(cases(12), ({ declared: { schema }, events }) => {
        const { tryFast, reference } = both(schema);
        for (const event of events) {
          const fast = tryFast(event);
          const verdict = reference.validate(event, 0, event.length);
          if (fast === undefined) counts.unsure++;
          else {
            counts.accepted++;
            expect(fast).toBe(true);
            expect(event.includes("\n")).toBe(false);
            expect(lineOf(event, verdict), `accepted: ${event} but ${JSON.stringify(verdict)}`).toBeDefined();
          }
          if (lineOf(event, verdict) === undefined) counts.rejected++;
        }
      }),
      { numRuns: 3000, seed },
    );
    expect(counts.accepted).toBeGreaterThan(5000);
    expect(counts.rejected).toBeGreaterThan(5000);
  });
});

describe(`what the fast validator accepts (seed ${seed})`, () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.open();
  });

  afterAll(async () => {
    await engine.close();
  });

  test(
    "loads into the engine with the very values of the reference's line",
    { timeout: 120_000 },
    async () => {
      let compared = 0;
      await fc.assert(
        fc.asyncProperty(cases(40), async ({ declared: { schema }, events }) => {
          const { tryFast, reference, columns } = both(schema);
          const accepted = events.filter((event) => tryFast(event) === true);
          const lines = accepted.map(
            (event) => lineOf(event, reference.validate(event, 0, event.length)) ?? "",
          );
          const raw = await engine.load(columns, accepted);
          const normalised = await engine.load(columns, lines);
          expect(raw).toHaveLength(accepted.length);
          for (const [index, row] of raw.entries()) {
            expect(row, `${accepted[index]} and ${lines[index]}`).toBe(normalised[index]);
            compared++;
          }
        }),
        { numRuns: 150, seed },
      );
      expect(compared).toBeGreaterThan(1000);
    },
  );
});
