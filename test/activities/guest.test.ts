/** What a guest is asked from the command line, of either agent, thawed and inside a window. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createGuestActivities } from '../../activities/guest.ts';
import { db1, onEither, request, setStage } from '../host/window/stage.ts';

const thawed = { state: 'thawed', epoch: null, remainingMs: null, held: [], foreign: [] };

onEither('says which agent it is, and what that holds', async (t, kind) => {
  const { windows } = await setStage(t, { kind });
  const { guestInfo, guestStatus } = createGuestActivities({ windows });
  const lease = kind === 'stillframe' ? { lease: thawed } : {};
  const { commands, ...info } = await guestInfo({ guest: db1 });
  assert.ok(commands > 5);
  assert.deepEqual(info, {
    agent: kind,
    version: '11.1.3',
    os: 'Debian',
    filesystems: [
      { mountpoint: '/data', type: 'ext4', device: 'vda' },
      { mountpoint: '/logs', type: 'xfs', device: 'vdb' },
    ],
    ...lease,
  });
  assert.deepEqual(await guestStatus({ guest: db1 }), { agent: 'thawed', window: null, ...lease });
});

it('inside a window our agent tells its epoch, what is left of its lease, and whose freezes it met', async (t) => {
  const { agent, windows } = await setStage(t, { kind: 'stillframe' });
  const { guestInfo, guestStatus } = createGuestActivities({ windows });
  agent.own!.outcomes = { '/logs': 'foreign' };
  await windows.freeze(request);
  const { leaseMs } = agent.own!;
  const lease = { state: 'frozen', epoch: 1, remainingMs: leaseMs, held: ['/data'], foreign: ['/logs'] };
  const info = await guestInfo({ guest: db1 });
  assert.deepEqual([info.agent, info.lease], ['stillframe', lease]);
  const status = await guestStatus({ guest: db1 });
  assert.deepEqual([status.agent, status.window?.epoch, status.lease], ['frozen', 1, lease]);
  await windows.thaw(request);
});
