/** Behaviour of earlier versions that workflows started under them still need. */

import type { PointDisk } from '../model/point/point.ts';
import { gradePoint } from '../model/window/grading.ts';
import type { WindowOutcome } from '../model/window/window.ts';

/**
 * Until 0.1.0 `copy` answered with the disks, the workflow graded, and `commitPoint` answered with nothing. A backup that such a
 * host committed is graded as it was then. It goes when no history of before that change is kept by any server.
 */
export function gradedByWorkflow(window: WindowOutcome, copied: unknown) {
  const disks = copied as PointDisk[];
  return { ...gradePoint(window, disks), disks };
}

/** Until 0.1.0 a backup whose window was lost before any freeze did not release what its worker may have prepared. */
export const releaseOfLostWindows = 'release-of-lost-windows';

/** Until 0.1.0 a backup ended with the first window that was lost before any freeze. */
export const furtherWindows = 'further-windows';

/** Until 0.1.0 a thaw was demanded of the host only that had frozen the guest. */
export const thawWhereItIs = 'thaw-where-it-is';

/** Until 0.1.0 a held window disarmed its guardian whenever the host answered the thaw with "no such window". */
export const goneProvesNothing = 'gone-proves-nothing';
