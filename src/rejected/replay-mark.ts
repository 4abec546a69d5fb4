/** The code of a mark. No reason of ours begins with an underscore. */
export const REPLAYED = "_replayed";

/**
 * One line of the table of rejected events that says: the rejected event with this id was replayed. It stands in the log
 * within the very batch that brings the event again, and comes into the table as every rejected event does: exactly once. So
 * the event is in the log again if and only if its mark is, whatever crashes.
 */
export function encodeReplayMark(stream: string, id: string): Buffer {
  const row = { stream, event: id, encoding: "utf8", code: REPLAYED, errors: "[]", refused_by: "ingest" };
  return Buffer.from(`${JSON.stringify(row)}\n`);
}
