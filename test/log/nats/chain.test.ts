import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Chain } from "../../../src/log/nats/chain.ts";
import type { MessageHead } from "../../../src/log/nats/message.ts";

const head = (prev: number, offset: number, more: Partial<MessageHead> = {}): MessageHead => ({
  id: "",
  prev,
  after: prev === 0 ? "" : `m${prev}`,
  log: "log",
  offset,
  count: 1,
  accepted: 0,
  schema: "s",
  ...more,
});
const begin = (): Chain => new Chain({ after: 0, tip: 0, tipId: "", end: 0, log: "log" });

/** Each message's id is its sequence number's. */
function apply(chain: Chain, sequence: number, message: MessageHead | undefined): ReturnType<Chain["apply"]> {
  return chain.apply(sequence, message === undefined ? undefined : { ...message, id: `m${sequence}` });
}

describe("the chain of messages", () => {
  it("counts of several messages behind one only the first", () => {
    const chain = begin();
    expect(apply(chain, 1, head(0, 0))).toEqual({ kind: "group", first: 1 });
    expect(apply(chain, 2, head(1, 1)).kind).toBe("group");
    // Sent at once by others that had seen the same.
    expect(apply(chain, 3, head(1, 1)).kind).toBe("ignored");
    expect(apply(chain, 4, head(0, 0)).kind).toBe("ignored");
    expect(apply(chain, 5, undefined).kind).toBe("ignored");
    expect(apply(chain, 5, head(2, 2)).kind).toBe("known");
    expect(apply(chain, 6, head(2, 2)).kind).toBe("group");
    expect(chain).toMatchObject({ last: 6, tip: 6, end: 3 });
  });

  it("counts a run of parts when the last is there, and none that another message broke off", () => {
    const chain = begin();
    const part = (n: number, id: string, prev: number): MessageHead =>
      head(prev, 0, { count: 5, run: { id, part: n, parts: 3 } });
    expect(apply(chain, 1, part(0, "a", 0)).kind).toBe("part");
    expect(apply(chain, 2, part(1, "a", 1)).kind).toBe("part");
    expect(chain.end).toBe(0);
    expect(chain.run).toMatchObject({ id: "a", first: 1 });
    // Another process took it for given up.
    expect(apply(chain, 3, head(2, 0)).kind).toBe("group");
    expect(apply(chain, 4, part(2, "a", 2)).kind).toBe("ignored");
    expect(chain.end).toBe(1);
    for (const n of [0, 1]) apply(chain, 5 + n, { ...part(n, "b", 4 + n - (n === 0 ? 1 : 0)), offset: 1 });
    expect(apply(chain, 7, { ...part(2, "b", 6), offset: 1 })).toEqual({ kind: "group", first: 5 });
    expect(chain).toMatchObject({ end: 6, run: undefined });
  });

  it("takes on the log id that a message begins, with those that ended", () => {
    const chain = begin();
    apply(chain, 1, head(0, 0));
    const ended = [{ log: "log", end: 1 }];
    apply(chain, 2, head(1, 1, { log: "next", ended, count: 0 }));
    expect(chain).toMatchObject({ log: "next", ended, end: 1 });
  });

  /** Writers that each know the log up to some earlier point, and send what they think comes next. */
  const stories = fc.array(fc.record({ lag: fc.nat(4), foreign: fc.boolean() }), { maxLength: 60 });

  it("is one sequence with dense offsets however late the writers were, and the same from wherever a reader begins", () => {
    fc.assert(
      fc.property(stories, (story) => {
        const chain = begin();
        const views = [{ tip: 0, end: 0 }];
        const messages: { sequence: number; head: MessageHead | undefined }[] = [];
        const counted: { sequence: number; offset: number }[] = [];
        for (const [index, { lag, foreign }] of story.entries()) {
          const view = views.at(-1 - Math.min(lag, views.length - 1)) ?? { tip: 0, end: 0 };
          const message = {
            sequence: index + 1,
            head: foreign && index % 7 === 0 ? undefined : head(view.tip, view.end),
          };
          messages.push(message);
          const { kind } = apply(chain, message.sequence, message.head);
          if (kind === "group") counted.push({ sequence: message.sequence, offset: chain.end - 1 });
          views.push({ tip: chain.tip, end: chain.end });
        }
        expect(counted.map(({ offset }) => offset)).toEqual(counted.map((_, index) => index));
        // A message that is named by another one counts: behind it a reader may begin.
        for (const message of messages) {
          if (message.head === undefined) continue;
          const { prev, offset } = message.head;
          const late = new Chain({
            after: prev,
            tip: prev,
            tipId: message.head.after,
            end: offset,
            log: "log",
          });
          for (const { sequence, head: one } of messages) apply(late, sequence, one);
          expect({ tip: late.tip, end: late.end }).toEqual({ tip: chain.tip, end: chain.end });
        }
      }),
    );
  });
});
