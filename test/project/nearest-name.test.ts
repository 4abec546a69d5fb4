import { expect, test } from "vitest";
import { didYouMean, nearestName } from "../../src/project/nearest-name.ts";

test.each([
  ["flihgts", "flights"],
  ["flight", "flights"],
  ["Flights", "flights"],
  ["fligths", "flights"],
  ["orgin", "origin"],
])("%s probably means %s", (wanted, meant) => {
  expect(nearestName(wanted, ["delays", "flights", "origin"])).toBe(meant);
});

test.each(["x", "zz", "payments", "", "__proto__"])("%j means none of them", (wanted) => {
  expect(nearestName(wanted, ["delays", "flights", "origin", "y"])).toBeUndefined();
});

test("the nearest of several wins", () => {
  expect(nearestName("delay", ["relays", "delays"])).toBe("delays");
});

test("the hint ends a message, and is empty when nothing is near", () => {
  expect(didYouMean("flihgts", ["flights"])).toBe('; did you mean "flights"?');
  expect(didYouMean("other", ["flights"])).toBe("");
});
