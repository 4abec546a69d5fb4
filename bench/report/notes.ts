/** What people wrote about each row: the text below `## A` belongs to row A. A new run keeps it. */
export function readNotes(markdown: string): ReadonlyMap<string, string> {
  const notes = new Map<string, string>();
  for (const part of markdown.split(/^## /m).slice(1)) {
    const end = part.indexOf("\n");
    const title = part.slice(0, end < 0 ? undefined : end).trim();
    const text = end < 0 ? "" : part.slice(end).trim();
    if (text !== "") notes.set(title, text);
  }
  return notes;
}
