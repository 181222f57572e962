/** Inspects an image in a file, as the copy does. */

import { fileArea } from '../../backup/file-area.ts';
import { inspectDisk } from '../../inspect/inspect.ts';
import { openPlain } from '../../lib/plain-file.ts';
import type { DiskInspection } from '../../model/point/point.ts';

export async function inspectImage(path: string): Promise<DiskInspection> {
  await using file = await openPlain(path);
  return await inspectDisk(await fileArea(file));
}
