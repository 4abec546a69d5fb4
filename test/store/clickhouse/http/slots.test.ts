import { expect, test } from "vitest";
import { Slots } from "../../../../src/store/clickhouse/http/slots.ts";

test("so many have their turn at once, the others in order", async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  const turns = [0, 1, 2, 3].map(async (one) => {
    await slots.acquire();
    order.push(one);
  });
  await Promise.all(turns.slice(0, 2));
  expect(order).toEqual([0, 1]);
  // Both at once: each is another's turn.
  slots.release();
  slots.release();
  await Promise.all(turns);
  expect(order).toEqual([0, 1, 2, 3]);
});

test("who gives up while waiting takes no turn from others", async () => {
  const slots = new Slots(1);
  await slots.acquire();
  const leaving = new AbortController();
  const left = slots.acquire(leaving.signal);
  const stays = slots.acquire();
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: "query_cancelled" });
  slots.release();
  await stays;
  await expect(slots.acquire(AbortSignal.abort())).rejects.toMatchObject({ code: "query_cancelled" });
});

test("a turn that ends in the instant in which somebody gives up is not lost", async () => {
  const slots = new Slots(1);
  await slots.acquire();
  const leaving = new AbortController();
  const left = slots.acquire(leaving.signal);
  leaving.abort();
  slots.release();
  await expect(left).rejects.toMatchObject({ code: "query_cancelled" });
  await expect(slots.acquire()).resolves.toBeUndefined();
}, 5_000);

test("too many that wait are refused, and all of them when it closes", async () => {
  const slots = new Slots(0);
  const waiting = Array.from({ length: 500 }, async () => slots.acquire());
  const settled = Promise.allSettled(waiting);
  await expect(slots.acquire()).rejects.toMatchObject({ code: "overloaded" });
  slots.close();
  expect((await settled).every(({ status }) => status === "rejected")).toBe(true);
  await expect(slots.acquire()).rejects.toMatchObject({ code: "draining" });
});
