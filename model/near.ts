/** Suggestions for misspelled names ("did you mean"). */

/** At most this many: a longer list is not a hint. */
const mostNames = 3;

/** The names of `known` that a slip of the keyboard turns into `wanted`, nearest first. */
export function nearNames(wanted: string, known: Iterable<string>): string[] {
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  return [...new Set(known)]
    .map((name) => ({ name, distance: editDistance(wanted.toLowerCase(), name.toLowerCase()) }))
    .filter(
      ({ name, distance }) => distance <= allowed || (wanted.length >= 2 && name.toLowerCase().startsWith(wanted.toLowerCase())),
    )
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, mostNames)
    .map(({ name }) => name);
}

/** ` Did you mean a or b?` with its leading space, or nothing. */
export function didYouMean(wanted: string, known: Iterable<string>): string {
  const near = nearNames(wanted, known);
  return near.length === 0 ? '' : ` Did you mean ${near.map((name) => `"${name}"`).join(' or ')}?`;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), each counted as one. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}
