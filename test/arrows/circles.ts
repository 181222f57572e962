/** Circles of imports, of whatever kind: files that can only be read, loaded and understood together. */

import type { Import } from './imports.ts';

/**
 * Circles that have no import in common, each as `a.ts -> b.ts -> a.ts`; without their imports no circle is left. Starting a
 * process closes none.
 */
export function circlesOf(imports: readonly Import[]): string[] {
  const targets = new Map<string, Set<string>>();
  for (const { file, to, how, target } of imports) {
    if (to === 'file' && how !== 'path') targets.set(file, (targets.get(file) ?? new Set()).add(target));
  }
  const circles: string[] = [];
  for (const [file, all] of targets)
    for (const target of all) {
      const way = shortestWay(targets, target, file);
      if (!way) continue;
      circles.push([file, ...way].join(' -> '));
      [file, ...way].forEach((each, place, circle) => targets.get(each)?.delete(circle[place + 1]!));
    }
  return circles;
}

/** The files from `start` to `end`, both included. */
function shortestWay(targets: ReadonlyMap<string, ReadonlySet<string>>, start: string, end: string): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[start, undefined]]);
  // A map goes on to entries that are added while it is walked, in their order: nearest files first.
  for (const file of cameFrom.keys()) {
    if (file === end) return wayBack(cameFrom, end).toReversed();
    for (const target of targets.get(file) ?? []) if (!cameFrom.has(target)) cameFrom.set(target, file);
  }
  return undefined;
}

function wayBack(cameFrom: ReadonlyMap<string, string | undefined>, file: string): string[] {
  const before = cameFrom.get(file);
  return before === undefined ? [file] : [file, ...wayBack(cameFrom, before)];
}
