/** The writer's files, computed a second time: what a guest must hold, whatever an agent or a backup says. */

import { createHash } from 'node:crypto';

/** As in guest/writer.pl. */
const kept = 400;

/** The bytes of file `seq` on `disk`, as content_of() in guest/writer.pl makes them. */
export function writerContent(disk: string, seq: number): Buffer {
  const size = 4096 + ((seq * 37) % 29) * 1024;
  const line = `${disk} ${seq}\n`;
  return Buffer.from(line.repeat(Math.floor(size / line.length) + 1).slice(0, size));
}

export interface Comparison {
  files: number;
  mismatches: number;
  /** Files that the writer had reported safe before `acknowledged` and that are not there. */
  missing: number;
}

/** Holds the files of one disk, name → sha256, against what the writer wrote; `acknowledged` is the last one it had reported. */
export function compareWithWriter(disk: string, found: ReadonlyMap<string, string>, acknowledged: number): Comparison {
  let files = 0;
  let mismatches = 0;
  let newest = acknowledged;
  for (const [name, sha256] of found) {
    const seq = /^f-(\d+)$/.exec(name)?.[1];
    if (seq === undefined) continue;
    files++;
    newest = Math.max(newest, Number(seq));
    if (
      createHash('sha256')
        .update(writerContent(disk, Number(seq)))
        .digest('hex') !== sha256
    )
      mismatches++;
  }
  let missing = 0;
  for (let seq = Math.max(1, newest - kept + 1); seq <= acknowledged; seq++) {
    if (!found.has(`f-${String(seq).padStart(6, '0')}`)) missing++;
  }
  return { files, mismatches, missing };
}
