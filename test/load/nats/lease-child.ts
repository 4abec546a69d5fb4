import { NatsLeases } from "../../../src/load/nats/nats-leases.ts";
import { openNats } from "../../../src/nats/open-nats.ts";
import { parseNatsUrl } from "../../../src/nats/nats-url.ts";

// A process that takes its share of leases, and says what becomes of them, until it is told to stop.
const [url = "", ttl = "", ...streams] = process.argv.slice(2);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const nats = await openNats(parseNatsUrl(url), "tests");
const leases = new NatsLeases(nats, {
  storeClock: async () => Date.now(),
  ttl: Number(ttl),
  observer: { lost: ({ stream }) => say(`lost ${stream}`) },
});
await leases.join(
  streams.map((stream) => ({ stream, partition: 0 })),
  (lease) => {
    say(`taken ${lease.stream}`);
    lease.over.addEventListener("abort", () => void lease.release());
  },
);
process.once("SIGTERM", () => {
  void leases
    .close()
    .then(() => nats.close())
    .then(() => process.exit(0));
});
