/** Inspects an image in a file, as the copy does. */

import { withFileArea } from '../../backup/file-area.ts';
import { inspectDisk } from '../../inspect/inspect.ts';
import type { DiskInspection } from '../../model/point/point.ts';

export function inspectImage(path: string): Promise<DiskInspection> {
  return withFileArea(path, inspectDisk);
}
