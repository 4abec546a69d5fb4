import { expect, test } from "vitest";
import { EraseRequests } from "../../src/load/erase-requests.ts";
import { Turns } from "../../src/load/turns.ts";

// A loader whose bell rings while nobody waits would go round and round without ever letting anything else run.

test("a request to erase that gives up takes its ring back", async () => {
  const erasures = new EraseRequests();
  const gone = erasures.ask({ kind: "all" }, 1);
  expect(erasures.asked.aborted).toBe(true);
  await expect(gone).rejects.toMatchObject({ code: "overloaded" });
  expect(erasures).toMatchObject({ areWaiting: false, asked: { aborted: false } });
});

test("and leaves that of another who still waits", async () => {
  const erasures = new EraseRequests();
  const stays = erasures.ask({ kind: "all" }, 60_000);
  await expect(erasures.ask({ kind: "all" }, 1)).rejects.toMatchObject({ code: "overloaded" });
  expect(erasures).toMatchObject({ areWaiting: true, asked: { aborted: true } });
  erasures.end();
  await expect(stays).rejects.toMatchObject({ code: "draining" });
});

test("whoever gives up waiting for a turn takes the ring back", async () => {
  const turns = new Turns();
  const leaving = new AbortController();
  const gone = turns.ask(async () => Promise.resolve("gathering"), leaving.signal);
  expect(turns.asked.aborted).toBe(true);
  leaving.abort(new Error("gone"));
  await expect(gone).rejects.toThrow("gone");
  expect(turns).toMatchObject({ areWaiting: false, asked: { aborted: false } });
});
