import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { FirstInMap } from "../src/first-in-map.ts";
import { seededRandom } from "./support/random.ts";

test("the oldest is the first of what was put and is there still", () => {
  const random = seededRandom(1);
  const map = new FirstInMap<number, number>();
  let model: [number, number][] = [];
  for (let step = 0; step < 20_000; step++) {
    const key = random.below(50);
    switch (random.below(6)) {
      case 0:
      case 1:
      case 2:
        map.put(key, step);
        model = [...model.filter(([other]) => other !== key), [key, step]];
        break;
      case 3:
        map.replace(key, step);
        model = model.map(([other, value]) => [other, other === key ? step : value]);
        break;
      case 4:
        map.delete(key);
        model = model.filter(([other]) => other !== key);
        break;
      case 5: {
        const { oldest } = map;
        if (oldest !== undefined) map.delete(oldest.key);
        model = model.slice(1);
        break;
      }
    }
    if (random.below(2_000) === 0) {
      map.clear();
      model = [];
    }
    expect(map.size).toBe(model.length);
    expect(map.get(key)).toBe(model.find(([other]) => other === key)?.[1]);
    // Not at each step: what was found before may be gone, or be there again.
    const looked = random.below(3) === 0 ? map.oldest : { key: model[0]?.[0] };
    expect(looked?.key).toBe(model[0]?.[0]);
    expect(map.get(key) !== undefined).toBe(model.some(([other]) => other === key));
  }
});

test("memory stays flat while keys are put again and the oldest stays", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const heapUsed = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const map = new FirstInMap<number, number>();
  for (let key = 0; key < 100; key++) map.put(key, key);
  expect(map.oldest?.key).toBe(0);
  const before = heapUsed();
  for (let step = 0; step < 4_000_000; step++) map.put(1 + (step % 99), step);
  // A walk that stood still would keep 200 MB of tables.
  expect(heapUsed() - before).toBeLessThan(10e6);
  expect(map.oldest?.key).toBe(0);
});
