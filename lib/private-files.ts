/** Files for their owner alone. */

/**
 * Call it first in every process: guests' disks, journals and histories are for the user that runs Stillframe, whatever umask the
 * process inherits (umask(2)). What others need gets its mode and owner explicitly.
 */
export function keepFilesPrivate(): void {
  process.umask(0o077);
}
