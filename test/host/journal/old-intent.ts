/** A journal as versions before agents had addresses wrote it: `channel` and `otherChannel` are paths of sockets. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostBootId, monotonicMs } from '../../../lib/clock.ts';
import type { GuestClaim, WindowKey } from '../../../model/window/window.ts';

export interface OldIntent extends WindowKey {
  channel: string;
  otherChannel?: string;
  agent: GuestClaim['agent'];
}

/** Leaves epoch 1 of this guest open in the journal at `directory`, by a process that is gone. */
export async function writeOldIntent(directory: string, { agent, channel, otherChannel, ...key }: OldIntent): Promise<void> {
  await mkdir(join(directory, key.guest, 'outcomes'), { recursive: true });
  const intent = {
    ...key,
    leaseMs: 20_000,
    guestName: 'db',
    channel,
    otherChannel,
    claim: { agent, version: '11.1.3', filesystems: [], frozenCount: null, thawedCount: null, frozenAfterPointInTime: false },
    epoch: 1,
    openedAt: '2026-11-24T00:00:00.000Z',
    pid: 1,
    startedMs: monotonicMs(),
    hostBoot: hostBootId(),
  };
  await writeFile(join(directory, key.guest, 'open.json'), JSON.stringify(intent));
}
