/** Whose id is whose: a guest that is off keeps its id, and one that has moved takes it along. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openHolders } from '../../../../host/drivers/qemu/holders.ts';
import { guestId } from '../../../../model/ids.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const id = guestId('11111111-1111-4111-8111-111111111111');
const victim = { id, monitor: '/run/qemu/victim/qmp', isNamed: false };
const hostile = { id: guestId('22222222-2222-4222-8222-222222222222'), monitor: '/run/qemu/hostile/qmp', isNamed: false };

test('a QEMU that was known by an id of its own does not get the id of a guest whose socket is gone', async (t) => {
  const holders = await openHolders(await temporaryFolder(t));
  await holders.remember([victim, hostile]);
  const claim = { ...hostile, id };
  assert.deepEqual([...holders.refused([claim], new Set([claim.monitor]))], [claim]);
  // Also when it says a third id first.
  await holders.remember([{ ...hostile, id: guestId('33333333-3333-4333-8333-333333333333') }]);
  assert.deepEqual([...holders.refused([claim], new Set([claim.monitor]))], [claim]);
  assert.deepEqual([...holders.refused([victim, claim], new Set([victim.monitor, claim.monitor]))], [claim]);
});

test('a guest that comes to a new socket while its old one is gone has moved', async (t) => {
  const holders = await openHolders(await temporaryFolder(t));
  await holders.remember([victim]);
  const moved = { ...victim, monitor: '/run/qemu/victim-2/qmp' };
  assert.equal(holders.refused([moved], new Set([moved.monitor])).size, 0);
  assert.equal(holders.refused([moved], new Set([moved.monitor, victim.monitor])).size, 1, 'its old one is there');
});

test('a QEMU that says another id at each look does not fill the record of ids', async (t) => {
  const folder = await temporaryFolder(t);
  const holders = await openHolders(folder);
  for (let n = 0; n < 50; n++) await holders.remember([{ ...hostile, id: guestId(`claimed-${n}`) }]);
  assert.deepEqual(JSON.parse(await readFile(join(folder, 'guests.json'), 'utf8')), { 'claimed-49': hostile.monitor });
});
