/** Which bytes of a read have arrived: chunks of a reply may come in any order, and none may overlap another. */

export interface Coverage {
  readonly bytes: number;
  /** False when part of it was there already, or the parts are too many to keep. */
  add(start: number, end: number): boolean;
}

/** Servers send in order, so that there is one part; a hostile one must not make the search long. */
const mostParts = 1024;

export function createCoverage(): Coverage {
  /** Sorted, and apart from one another. */
  const parts: { start: number; end: number }[] = [];
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    add(start, end) {
      const at = parts.findLastIndex((each) => each.start <= start) + 1;
      const before = parts[at - 1];
      const after = parts[at];
      if ((before && before.end > start) || (after && after.start < end)) return false;
      bytes += end - start;
      const touching = { before: before?.end === start, after: after?.start === end };
      if (touching.before && touching.after) {
        before!.end = after!.end;
        parts.splice(at, 1);
      } else if (touching.before) before!.end = end;
      else if (touching.after) after!.start = start;
      else parts.splice(at, 0, { start, end });
      return parts.length <= mostParts;
    },
  };
}
