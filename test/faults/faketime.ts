/** libfaketime of Debian: a process sees a wall clock that a test sets, and the monotonic clock as it is. */

import { writeFile } from 'node:fs/promises';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from '../../infra/lab/cache.ts';
import { aptGet } from '../../infra/lab/packages.ts';
import { run } from '../../lib/run.ts';

export interface FakeClock {
  /** Environment of the process. */
  env: NodeJS.ProcessEnv;
  /** Sets its wall clock this far from the real one, for example `+1h`. */
  step(by: string): Promise<void>;
}

export async function fakeClock(directory: string): Promise<FakeClock> {
  const unpacked = await cached('faketime-1', async (into) => {
    await aptGet(['download', 'libfaketime'], into);
    for (const deb of await readdir(into)) await run(['dpkg', '-x', join(into, deb), into]);
  });
  const file = join(directory, 'clock');
  const step = (by: string) => writeFile(file, `${by}\n`);
  await step('+0');
  return {
    step,
    env: {
      LD_PRELOAD: join(unpacked, 'usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  };
}
