/** What every process of ours does first. */

import { setFlagsFromString } from 'node:v8';

export function beginProcess(): void {
  // Guests' disks, journals and histories are for the user that runs Stillframe, whatever umask the process inherits (umask(2)). What others need gets
  // its mode and owner explicitly.
  process.umask(0o077);
  // Without it a process may hang for ever in process.exit(): the main thread waits for a compiling one, which waits for a collection
  // (nodejs/node#54918, seen in Node 24.21).
  setFlagsFromString('--no-concurrent-sparkplug');
}
