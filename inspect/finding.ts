/** What an inspector of one format says. */

import type { DiskInspection } from '../model/point/point.ts';

/** A row of the inspection, still without the place of the filesystem. */
export type Finding = Omit<DiskInspection['filesystems'][number], 'where'>;
