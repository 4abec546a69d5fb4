import { afterAll, beforeAll, expect, test } from "vitest";
import type { Loader } from "../../src/load/load.ts";
import { until } from "../support/until.ts";
import { FaultyWorld, type Fault, type Moment } from "./faults.ts";
import { append, offsetsIn, openWorld, plain, unique, type Sent, type World } from "./support.ts";
import type { TestStore } from "../support/test-store.ts";

let shared: TestStore;

interface SentBatch {
  readonly events: readonly Sent[];
  readonly rejected: readonly string[];
}

interface Scenario {
  readonly stream: "plain" | "unique";
  /** Batches of the first round and of the second; the prefix makes ids unique among all runs. */
  rounds(prefix: string): readonly (readonly SentBatch[])[];
  /** The offsets that end in the stream's table and in that of rejected events; the rest are duplicates. */
  readonly table: readonly number[];
  readonly rejected: readonly number[];
}

/** n: "bad" passes for validated here, and no Int32 holds it: the engine refuses it. */
const PLAIN: Scenario = {
  stream: "plain",
  rounds: () => [
    [
      { events: [{ n: 1 }, { n: 2 }], rejected: ["{bad"] }, // 0 1 | 2
      { events: [{ n: 3 }, { n: "bad" }, { n: 4 }], rejected: [] }, // 3 4 5
    ],
    [
      { events: [], rejected: ["[]"] }, // | 6
      { events: [{ n: 5 }], rejected: ["1", "2"] }, // 7 | 8 9
    ],
  ],
  table: [0, 1, 3, 5, 7],
  rejected: [2, 4, 6, 8, 9],
};

const UNIQUE: Scenario = {
  stream: "unique",
  rounds: (prefix) => {
    const event = (id: string, n: number | string) => ({ id: `${prefix}-${id}`, n });
    return [
      [
        { events: [event("a", 1), event("b", 2), event("a", 3)], rejected: ["{bad"] }, // 0 1 (2) | 3
        // The first c is refused, so the second is the first that counts.
        { events: [event("c", "bad"), event("c", 5), event("c", 6), event("b", 7)], rejected: [] }, // 4 5 (6) (7)
      ],
      [
        { events: [event("c", 8), event("d", 9)], rejected: [] }, // (8) 9
        { events: [event("d", 10), event("e", "bad"), event("f", 11)], rejected: ["1"] }, // (10) 11 12 | 13
      ],
    ];
  },
  table: [0, 1, 5, 9, 12],
  rejected: [3, 4, 11, 13],
};

let runs = 0;

/**
 * Loads the first round, then the second. At the fault the first loader dies and another takes over, or goes on by
 * itself. Gives the steps that the first one took.
 */
async function run(scenario: Scenario, fault: Fault): Promise<string[]> {
  const { stream } = scenario;
  const rounds = scenario.rounds(String(runs++));
  const world = await openWorld(shared.store, [stream === "plain" ? plain : unique]);
  const faulty = new FaultyWorld(world.log, shared.store, fault);
  try {
    const first = world.loader({ log: faulty.log, store: faulty.store, ledgerFile: faulty.ledgerFile });
    let appended = 0;
    const appendNext = () => appendAll(world, stream, rounds[appended++]);
    await appendNext();
    const goOn = async (loader: Loader, isOver: () => boolean) => {
      await loader.start();
      await settled(world, stream);
      while (appended < rounds.length) {
        // What a dead loader's script would still do is its successor's part.
        if (isOver()) return;
        await appendNext();
        await settled(world, stream);
      }
      await loader.stop();
    };
    await Promise.race([goOn(first, () => faulty.isDead), faulty.died]);
    if (faulty.isDead) await goOn(world.loader(), () => false);
    const found = await placesOf(world, stream);
    const { table, rejected } = scenario;
    expect({ found, fault, steps: faulty.steps }).toMatchObject({ found: { table, rejected } });
    return faulty.steps;
  } finally {
    await faulty.bury();
    await world.close();
  }
}

async function appendAll(world: World, stream: string, batches: readonly SentBatch[] = []): Promise<void> {
  for (const { events, rejected } of batches) await append(world.log, stream, events, { rejected });
}

/** Waits until the log's cursor is at its end: then a loader has done all with a batch but to count. */
async function settled(world: World, stream: string): Promise<void> {
  const isThere = async (): Promise<boolean> => {
    const cursor = await world.log.cursor(stream, 0, "loader");
    return cursor.offset === world.log.status(stream, 0).end.offset;
  };
  await until(isThere, { timeout: 60_000 });
}

async function placesOf(world: World, stream: string): Promise<{ table: number[]; rejected: number[] }> {
  const { log } = world.log.status(stream, 0).end;
  return {
    table: await offsetsIn(shared.store, stream, log),
    rejected: await offsetsIn(shared.store, "_rejected", log),
  };
}

/** Worlds at one time. */
const LANES = 6;

/** Tries every fault at every step of a loader over a store of `open`, which has the tables of `plain` and `unique`. */
export function describeExactlyOnce(open: () => Promise<TestStore>): void {
  beforeAll(async () => {
    shared = await open();
  });
  afterAll(() => shared.destroy());

  for (const scenario of [PLAIN, UNIQUE]) {
    for (const dies of [true, false]) {
      const what = dies ? "a crash" : "an error";
      test(
        `${scenario.stream}: ${what} at any step of the loader, before, amid or after its effect, leaves each offset in exactly one place`,
        { timeout: 240_000 },
        async () => {
          const steps = await run(scenario, { step: Infinity, moment: "before", dies });
          const { stream } = scenario;
          const all = [
            "ledger.replace",
            "ledger.append",
            `insert ${stream}`,
            "insert _rejected",
            "log.commit",
          ];
          expect(steps).toEqual(expect.arrayContaining(all));
          const faults = steps.flatMap((name, step) =>
            momentsOf(name, steps.indexOf(name) === step).map((moment) => ({ step, moment, dies })),
          );
          const lane = async () => {
            for (let fault = faults.pop(); fault !== undefined; fault = faults.pop())
              await run(scenario, fault);
          };
          await Promise.all(Array.from({ length: LANES }, lane));
        },
      );
    }
  }
}

/** Effects fail before, amid or after. A question has none: it fails in one way, and once for each kind is enough. */
function momentsOf(step: string, isFirst: boolean): readonly Moment[] {
  if (step.startsWith("insert") || step === "ledger.append") return ["before", "half", "after"];
  if (step === "ledger.replace" || step === "log.commit") return ["before", "after"];
  return isFirst ? ["before"] : [];
}
