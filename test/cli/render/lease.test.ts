/** What a guest says of its own freeze, as people see it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaseFields } from '../../../cli/render/lease.ts';
import { renderFields } from '../../../cli/render/table.ts';
import { heldText, windowFields } from '../../../cli/render/window.ts';
import type { GuestLease } from '../../../model/workflows/guest-command.ts';
import { outcomeOf } from '../../workflows/stand-ins.ts';
import { backupId, guestId } from '../../../model/ids.ts';

const thawed: GuestLease = { state: 'thawed', epoch: null, remainingMs: null, held: [], foreign: [] };

test('nothing is printed for a stock agent, and for ours that it holds nothing', () => {
  assert.deepEqual(leaseFields(undefined), []);
  assert.equal(renderFields(leaseFields(thawed)), 'guest holds  nothing\n');
});

test('a freeze is printed with its epoch, its lease and its mount points; text of the guest is escaped', () => {
  const lease = { ...thawed, state: 'frozen', epoch: 7, remainingMs: 8_400, held: ['/', '/da\u001bta'], foreign: ['/logs'] };
  assert.deepEqual(renderFields(leaseFields(lease)).split('\n'), [
    'guest holds       epoch 7 (frozen), its lease ends in 8.4 s',
    'frozen            /',
    '                  /da\\x1bta',
    'frozen by others  /logs',
    '',
  ]);
  const plain = { ...thawed, state: 'frozen' };
  assert.match(renderFields(leaseFields(plain)), /the freeze of a client without an epoch \(frozen\), it has no lease/);
});

test('a closed window names epoch, boot and hooks, where the guest reported them', () => {
  const outcome = outcomeOf({ guest: guestId('g'), backup: backupId('b'), attempt: 1 });
  const hooks = [{ name: '10-db\n', outcome: 'success', detail: null }];
  const lease = { bootId: 'b-1', epochAtProof: 1, hooks, thawHooks: hooks, heldMs: 34, leaseFired: true };
  const shown = renderFields(windowFields({ ...outcome, claim: { ...outcome.claim, agent: 'stillframe', lease } }));
  assert.match(shown, /^epoch +1 in boot b-1, held 34 ms by the guest's clock, ended by the lease inside the guest$/m);
  assert.match(shown, /^hooks +10-db\\x0a success$/m);
  assert.doesNotMatch(renderFields(windowFields(outcome)), /epoch/);
});

test('how long writes stood is what the host measured, else its bound with the word of the guest beside it', () => {
  const times = { freezeMs: null, pointInTimeMs: null, proofMs: null, thawMs: 8, heldMs: null };
  assert.equal(heldText({ ...times, heldMs: 90 }, 70), '90 ms');
  assert.equal(heldText({ ...times, heldAtMostMs: 4_120 }, null), 'at most 4.2 s');
  assert.equal(heldText({ ...times, heldAtMostMs: 4_120 }, 2_300), "at most 4.2 s (2.3 s by the guest's clock)");
  assert.equal(heldText({ ...times, heldAtMostMs: null }, null), 'not known');
  assert.equal(heldText(times, null), 'not known');
});
