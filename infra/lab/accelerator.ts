/** Whether KVM works here. That /dev/kvm exists proves nothing: nested, a guest may hang before its kernel prints a word. */

import { constants } from 'node:fs';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withDeadline } from '../../lib/deadline.ts';
import { labCache } from './cache.ts';
import type { GuestParts } from './parts.ts';
import { startMachine } from './qemu.ts';

/** With KVM that works the first line comes in under a second. */
const patienceMs = 8_000;

/** The verdict is kept for this boot of the machine. */
export async function accelerator(parts: GuestParts): Promise<'kvm' | 'tcg'> {
  if (!(await isUsable('/dev/kvm'))) return 'tcg';
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const path = join(labCache, `accelerator-${boot}`);
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known === 'kvm' || known === 'tcg') return known;
  process.stderr.write('lab: trying whether KVM works here (once for each start of this machine)\n');
  const verdict = (await boots(parts)) ? 'kvm' : 'tcg';
  await mkdir(labCache, { recursive: true });
  await writeFile(path, verdict);
  process.stderr.write(`lab: guests run with ${verdict === 'kvm' ? 'KVM' : 'software emulation (TCG)'}\n`);
  return verdict;
}

async function isUsable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** A guest without disks: its init says that it has verified nothing, and powers off. */
async function boots({ kernel, initrd }: GuestParts): Promise<boolean> {
  const machine = startMachine({
    accelerator: 'kvm',
    kernel,
    initrd,
    words: ['sf.mode=verify'],
    uuid: '00000000-0000-4000-8000-000000000001',
    disks: [],
    ports: [],
    monitors: [],
  });
  const said = new Promise<boolean>((resolve) =>
    machine.console.on('data', (piece: Buffer) => String(piece).includes('VERIFIED') && resolve(true)),
  );
  const answer = Promise.race([said, machine.ended.then(() => false)]);
  const verdict = await withDeadline(answer, patienceMs, () => new Error('silent')).catch(() => false);
  await machine.kill();
  return verdict;
}
