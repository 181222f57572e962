/**
 * What the process of a copy is asked, and its reports, a line each. It has read what a guest wrote and what QEMU served, so a report
 * is foreign text: its shape is checked, and all of them together are bounded.
 */

import { escapeError } from '../lib/escape.ts';
import type { User } from '../lib/run.ts';
import { count, exactly, oneOf, text, type Check } from '../model/check.ts';
import { messageOf, StillframeError } from '../model/errors.ts';
import type { DiskFinding } from '../model/point/point.ts';
import { diskFindings } from '../repository/manifest.ts';

/** The process has the NBD server's socket as its descriptor 3 and the images from 4 on, in the order of `disks`. */
export interface CopyJob {
  disks: { name: string; bytes: number }[];
  /** Who it becomes before it touches any of them; null: it stays who it is. */
  user: User | null;
}

export type CopyReport =
  | { kind: 'progress'; disk: number; doneBytes: number }
  /** The end: a finding for each disk, in their order. */
  | { kind: 'done'; findings: DiskFinding[] }
  | { kind: 'failed'; message: string };

export function formatReport(report: CopyReport): string {
  return `${JSON.stringify(report)}\n`;
}

/** A disk has a hundred lines of progress and at most 65 rows of inspection, each below 1.5 KB with all of its text escaped. */
const mostBytesOfDisk = 128 * 1024;

/** Takes standard output piece by piece, and gives the reports that it completes. @throws copy-failed */
export function readReports(disks: number): (piece: string) => CopyReport[] {
  let left = disks * mostBytesOfDisk;
  let rest = '';
  return (piece) => {
    left -= piece.length;
    if (left < 0) throw garbled(`more than ${mostBytesOfDisk} bytes for each disk`);
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    return lines.map(parseReport);
  };
}

function parseReport(line: string): CopyReport {
  try {
    const value: unknown = JSON.parse(line);
    const kind = (value as { kind?: unknown } | null)?.kind;
    return reports[oneOf(...kinds)(kind, 'kind')](value, '');
  } catch (error) {
    throw garbled(messageOf(error));
  }
}

const kinds = ['progress', 'done', 'failed'] as const;

const reports: Record<(typeof kinds)[number], Check<CopyReport>> = {
  progress: exactly({ kind: oneOf('progress'), disk: count, doneBytes: count }),
  done: exactly({ kind: oneOf('done'), findings: diskFindings }),
  failed: exactly({ kind: oneOf('failed'), message: text }),
};

function garbled(what: string): StillframeError {
  return new StillframeError(
    'copy-failed',
    `the process of the copy reported what it cannot have found (${escapeError(what)}): run the backup again, and look at what runs as the user of scratch`,
  );
}
