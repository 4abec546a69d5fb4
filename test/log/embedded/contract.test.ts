import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedLog } from "../../../src/log/embedded/embedded-log.ts";
import { describeLogContract } from "../contract.ts";

for (const segmentBytes of [undefined, 4096]) {
  const name = segmentBytes === undefined ? "the embedded log" : "the embedded log in tiny segments";
  describeLogContract(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "headrace-log-"));
    return {
      open: (streams) =>
        openEmbeddedLog({
          folder,
          streams,
          clock: () => 1_700_000_000_000,
          ...(segmentBytes === undefined ? {} : { segmentBytes }),
        }),
      destroy: () => rm(folder, { recursive: true }),
    };
  });
}
