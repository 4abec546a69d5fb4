import type { AnswerParts } from "../answer-document.ts";
import { NativeBlocks } from "./native-blocks.ts";

/**
 * An answer's bytes as they are; in the format Native for a client of this revision of the native protocol, as such a client
 * reads them: the engine writes as for one without any.
 */
export async function* nativeAnswer(chunks: AsyncIterable<Uint8Array>, revision: number): AnswerParts {
  const blocks = revision > 0 ? new NativeBlocks(revision) : undefined;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    yield blocks === undefined ? bytes : blocks.push(bytes);
  }
}
