/** The edits (insert, delete, replace, swap neighbours) after which a name no longer counts as a misspelling. */
const EDITS_MAX = 3;

/** The name that was probably meant, for "did you mean"; undefined when none is near. */
export function nearestName(wanted: string, names: Iterable<string>): string | undefined {
  // More edits than a third of the name make another name, not a slip.
  const limit = Math.min(EDITS_MAX, Math.floor(wanted.length / 3));
  let nearest: string | undefined;
  let distance = limit + 1;
  for (const name of names) {
    if (Math.abs(name.length - wanted.length) > limit) continue;
    const edits = editDistance(wanted.toLowerCase(), name.toLowerCase());
    if (edits < distance) {
      nearest = name;
      distance = edits;
    }
  }
  return nearest;
}

/** `; did you mean "flights"?`, or "" when nothing is near: to end a message with. */
export function didYouMean(wanted: string, names: Iterable<string>): string {
  const nearest = nearestName(wanted, names);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}

/** Optimal string alignment distance: Levenshtein with swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = at(last, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      let edits = Math.min(replaced, at(last, column) + 1, at(current, column - 1) + 1);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        edits = Math.min(edits, at(beforeLast, column - 2) + 1);
      }
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
