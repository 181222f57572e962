/** What a guest is asked from the command line, of either agent, thawed and inside a window. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createGuestActivities } from '../../activities/guest.ts';
import type { GuestId } from '../../model/ids.ts';
import { garbage } from '../fakes/fake-agent.ts';
import { db1, dieInsideWindow, onEither, request, setStage } from '../host/window/stage.ts';

const sweep = { strayOf: () => null, seenThawed() {}, thawStray: async () => 'not-frozen' as const };
const thawed = { state: 'thawed', epoch: null, remainingMs: null, held: [], foreign: [] };

onEither('info names the agent, and what that agent holds', async (t, kind) => {
  const { windows } = await setStage(t, { kind });
  const { guestInfo, guestStatus } = createGuestActivities({ windows, sweep });
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

it('inside a window our agent reports its epoch, the rest of its lease, and the foreign freezes that it met', async (t) => {
  const { agent, windows } = await setStage(t, { kind: 'stillframe' });
  const { guestInfo, guestStatus } = createGuestActivities({ windows, sweep });
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

onEither('of a guest that does not answer it is still known what is owed, and how long that is overdue', async (t, kind) => {
  const stage = await setStage(t, { kind });
  const { guestStatus } = createGuestActivities({ windows: stage.windows, sweep });
  await dieInsideWindow(stage, kind);
  stage.agent.behave('guest-sync-delimited', garbage);
  const { agent, window, unanswered } = await guestStatus({ guest: db1 });
  assert.equal(agent, null);
  assert.ok(unanswered!.code.startsWith('agent-'), unanswered!.code);
  assert.ok(window!.epoch === 1 && window!.remainingMs! > 0);
  stage.agent.behave('guest-sync-delimited', undefined);
  await stage.windows.ensureThawed(db1, 'operator');
  const { last, ...after } = await guestStatus({ guest: db1 });
  assert.deepEqual([after.agent, after.window], ['thawed', null]);
  assert.deepEqual([last!.thawedBy, last!.failure!.code, last!.times.heldMs], ['operator', 'window-lost', null]);
  assert.ok(last!.times.heldAtMostMs! > 0);
});

onEither('a guest that another program froze names the sweep that found it, until it is thawed', async (t, kind) => {
  const { agent, windows } = await setStage(t, { kind });
  const foundAt = '2026-01-01T02:00:00.000Z';
  const strays = new Map([[db1, { guest: db1, guestName: 'db', foundAt, sweeps: 1 }]]);
  const found = {
    strayOf: (guest: GuestId) => strays.get(guest) ?? null,
    seenThawed: (guest: GuestId) => void strays.delete(guest),
    thawStray: async () => 'not-frozen' as const,
  };
  const { guestStatus } = createGuestActivities({ windows, sweep: found });
  agent.frozen = true;
  const status = await guestStatus({ guest: db1 });
  assert.deepEqual([status.agent, status.strayFoundAt, status.window], ['frozen', foundAt, null]);
  agent.frozen = false;
  assert.equal((await guestStatus({ guest: db1 })).strayFoundAt, undefined);
});
