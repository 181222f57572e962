/** Files for their owner alone. */

import { stat } from 'node:fs/promises';

/**
 * Call it first in every process: guests' disks, journals and histories are for the user that runs Stillframe, whatever umask the
 * process inherits (umask(2)). What others need gets its mode and owner explicitly.
 */
export function keepFilesPrivate(): void {
  process.umask(0o077);
}

/** Another user who may write in a directory can put his own file or socket in the place of one of ours. @throws Error, naming the fault */
export async function demandOwnDirectory(path: string): Promise<void> {
  const { uid, mode } = await stat(path);
  if (uid !== process.getuid!()) throw new Error(`user ${uid} owns it`);
  if ((mode & 0o022) !== 0) throw new Error(`other users may write in it; "chmod go-w ${path}" ends that`);
}
