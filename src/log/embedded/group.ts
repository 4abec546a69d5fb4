import type { RecordHeader } from "../record/record.ts";
import { encodeRecordHeader, RECORD_HEADER_BYTES } from "../record/record.ts";
import { recordHeader, type PreparedBatch } from "../record/prepared-batch.ts";
import { COPY_BYTES_MAX, SLAB_BYTES } from "./limits.ts";

/** How many of the waiting batches are written together: as many as the limits let, and one at least. */
export function groupLength(waiting: readonly PreparedBatch[], bytesMax: number): number {
  let bytes = 0;
  let slab = 0;
  let length = 0;
  for (const prepared of waiting) {
    bytes += prepared.bytes;
    slab += slabBytes(prepared);
    if (length > 0 && (bytes > bytesMax || slab > SLAB_BYTES)) break;
    length += 1;
  }
  return length;
}

function slabBytes(prepared: PreparedBatch): number {
  return isCopied(prepared) ? prepared.bytes : RECORD_HEADER_BYTES;
}

function isCopied(prepared: PreparedBatch): boolean {
  return prepared.bytes <= COPY_BYTES_MAX;
}

/** Lays a group out as buffers to write one after the other. Small records are copied side by side, large ones not. */
export class GroupEncoder {
  readonly #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);

  /** The buffers are good until the next call. */
  encode(
    group: readonly PreparedBatch[],
    place: { seed: number; position: number; offset: number },
  ): { buffers: Buffer[]; headers: RecordHeader[] } {
    const slab = this.#slab;
    const buffers: Buffer[] = [];
    const headers: RecordHeader[] = [];
    let offset = place.offset;
    let start = 0;
    let at = 0;
    for (const prepared of group) {
      const header = recordHeader(prepared, offset, place.position);
      headers.push(header);
      encodeRecordHeader(header, place.seed, slab, at);
      at += RECORD_HEADER_BYTES;
      const { events, rejected } = prepared.batch;
      if (isCopied(prepared)) {
        if (prepared.keyEntries !== undefined) at += prepared.keyEntries.copy(slab, at);
        for (const buffer of events.bytes) at += buffer.copy(slab, at);
        for (const buffer of rejected.bytes) at += buffer.copy(slab, at);
      } else {
        buffers.push(slab.subarray(start, at));
        if (prepared.keyEntries !== undefined) buffers.push(prepared.keyEntries);
        buffers.push(...events.bytes, ...rejected.bytes);
        start = at;
      }
      offset += events.count + rejected.count;
    }
    if (at > start) buffers.push(slab.subarray(start, at));
    return { buffers, headers };
  }
}
