/** The memory of a lab guest that has booted, with its disks as they were at that instant: every later guest starts from it. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMonitor } from '../../host/channel/monitor.ts';
import { cached, dropUnused } from './cache.ts';
import { copyDisk } from './disks.ts';
import type { GuestParts } from './parts.ts';
import { run } from '../../lib/run.ts';

/** Raise it when the machine that startMachine() describes changes: memory fits one set of devices. */
const machineRevision = 2;

/** What the snapshot needs of a guest that has booted. */
interface BootedGuest {
  /** Socket of a monitor that has no other client. */
  witness: string;
  disks: { name: string; path: string }[];
  stop(): Promise<void>;
}

/**
 * Directory with `memory`, `disk0.raw`, `disk1.raw`; `boot` starts a new guest in the directory that it is given. `variant` tells
 * guests apart that are made of the same parts.
 */
export async function bootSnapshot(
  parts: GuestParts,
  kind: 'kvm' | 'tcg',
  variant: string,
  boot: (directory: string) => Promise<BootedGuest>,
): Promise<string> {
  const version = /version (\S+)/.exec(await run(['qemu-system-x86_64', '--version']))?.[1] ?? 'unknown';
  return cached(`memory-${parts.key}-${kind}-${version}-${machineRevision}-${variant}`, async (into) => {
    process.stderr.write('lab: booting a guest once and keeping its memory; later guests start from that\n');
    // Not in the cache: its names are too long for sockets.
    const directory = await mkdtemp(join(tmpdir(), 'sf-boot-'));
    const guest = await boot(directory);
    const monitor = await openMonitor({ path: guest.witness });
    try {
      await monitor.execute('stop');
      await monitor.execute('migrate', { uri: `exec:cat > '${join(into, 'memory')}'` });
      for (;;) {
        const { status } = (await monitor.execute('query-migrate')) as { status: string };
        if (status === 'completed') break;
        if (status === 'failed') throw new Error('QEMU could not save the memory of the guest');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      for (const disk of guest.disks) await copyDisk(disk.path, join(into, `${disk.name}.raw`));
    } finally {
      monitor.close();
      await guest.stop();
      await rm(directory, { recursive: true });
    }
    // A hundred megabytes each, and a new one for every change of the agent.
    await dropUnused('memory-');
    await dropUnused('initrd-');
  });
}
