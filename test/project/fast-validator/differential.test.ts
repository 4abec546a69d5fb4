import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Column } from "../../../src/project/column.ts";
import { both, lineOf } from "./both.ts";
import { declared, declareOne, type Declared } from "./declared-events.ts";
import { Engine } from "./engine.ts";
import { SCALARS, type ValueKind } from "./value-kinds.ts";

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
          const line = lineOf(event, reference.validate(event, 0, event.length));
          if (fast === undefined) counts.unsure++;
          else counts.accepted++;
          if (line === undefined) counts.rejected++;
          const wrong = fast !== undefined && (fast !== true || line === undefined || event.includes("\n"));
          if (wrong) throw new Error(`accepted wrongly: ${String(event)}`);
        }
      }),
      { numRuns: 2000, seed },
    );
    expect(counts.accepted).toBeGreaterThan(3000);
    expect(counts.rejected).toBeGreaterThan(3000);
  });
});

describe(`one value at a time (seed ${seed})`, () => {
  let engine: Engine;

  beforeAll(async () => {
    engine = await Engine.open();
  });

  afterAll(async () => {
    await engine.close();
  });

  test.each(SCALARS.map((kind): [string, ValueKind] => [kind.name, kind]))(
    "what is accepted as %s is accepted by the reference, and loads alike",
    async (_name, kind) => {
      const { schema } = declareOne(kind, "required");
      const { tryFast, reference, columns } = both(schema);
      const accepted: Buffer[] = [];
      const lines: Buffer[] = [];
      for (const value of fc.sample(fc.oneof({ weight: 5, arbitrary: kind.odd }, kind.good), {
        numRuns: 2500,
        seed,
      })) {
        const event = Buffer.from(`{"value":${value}}`);
        if (tryFast(event) !== true) continue;
        const line = lineOf(event, reference.validate(event, 0, event.length));
        if (line === undefined) throw new Error(`accepted wrongly: ${String(event)}`);
        accepted.push(event);
        lines.push(line);
      }
      expect(accepted.length).toBeGreaterThan(kind.fast ? 100 : -1);
      await expectLoadsAlike(engine, columns, accepted, lines);
    },
  );
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
            (event) => lineOf(event, reference.validate(event, 0, event.length)) ?? event,
          );
          compared += accepted.length;
          await expectLoadsAlike(engine, columns, accepted, lines);
        }),
        { numRuns: 150, seed },
      );
      expect(compared).toBeGreaterThan(1000);
    },
  );
});

/** Fails when the engine doesn't store the same for both, line by line. */
async function expectLoadsAlike(
  engine: Engine,
  columns: readonly Column[],
  accepted: readonly Buffer[],
  lines: readonly Buffer[],
): Promise<void> {
  const raw = await engine.load(columns, accepted);
  const normalised = await engine.load(columns, lines);
  const rows = (stored: readonly string[]): readonly string[] =>
    accepted.map((event, index) => `${String(event)} is stored as ${stored[index] ?? "nothing"}`);
  expect(raw).toHaveLength(accepted.length);
  expect(rows(raw)).toEqual(rows(normalised));
}
