/** What a guest reads from disk images: mounted without any recovery, every file hashed inside the guest. */

import { once } from 'node:events';
import { accelerator } from './accelerator.ts';
import { readConsole } from './console.ts';
import { guestParts } from './parts.ts';
import { ensurePackages } from './packages.ts';
import { startMachine } from './qemu.ts';

export interface VerifiedImage {
  path: string;
  /** Whether it could be mounted, ext4 with noload and XFS with norecovery. */
  mounted: boolean;
  /** File name → sha256. */
  files: Map<string, string>;
}

/** Boots a lab guest over the images, read-only. */
export async function verifyImages(images: { path: string; filesystem: string }[]): Promise<VerifiedImage[]> {
  await ensurePackages();
  const parts = await guestParts({ ours: false, programs: false });
  const verified = images.map(({ path }): VerifiedImage => ({ path, mounted: false, files: new Map() }));
  const done = Promise.withResolvers<void>();
  const machine = startMachine({
    accelerator: await accelerator(parts),
    kernel: parts.kernel,
    initrd: parts.initrd,
    words: ['sf.mode=verify', `sf.disks=${images.map((image) => image.filesystem).join()}`],
    uuid: '00000000-0000-4000-8000-000000000002',
    disks: images.map(({ path }) => ({ path, readOnly: true })),
    ports: [],
    monitors: [],
  });
  readConsole(machine.console, machine.ended).onLine((line) => {
    const [word, disk = '', hash = '', file = ''] = line.split(/\s+/);
    const image = verified[Number(disk.replace('disk', ''))];
    if (word === 'MOUNTED' && image) image.mounted = true;
    if (word === 'HASH' && image) image.files.set(file.replace('./', ''), hash);
    if (word === 'VERIFIED') done.resolve();
  });
  // Its last lines may be read after its end.
  void Promise.all([machine.ended, once(machine.console, 'end')]).then(([how]) =>
    done.reject(new Error(`the guest that looks at the images ended: ${how}`)),
  );
  try {
    await done.promise;
    return verified;
  } finally {
    await machine.kill();
  }
}
