/** A record of a window stays small, whatever a guest says, and says what it left out. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundOutcome } from '../../../model/window/bounds.ts';
import { gradePoint } from '../../../model/window/grading.ts';
import { reason } from '../../../model/window/reasons.ts';
import type { GuestHook, WindowOutcome } from '../../../model/window/window.ts';
import { backupId, guestId } from '../../../model/ids.ts';
import { outcomeOf } from '../../workflows/stand-ins.ts';

/** What design.md keeps payloads below. */
const payload = 64 * 1024 * 3;

const hook = (name: string, outcome = 'success'): GuestHook => ({ name, outcome, detail: 'd'.repeat(200) });

const key = {
  guest: guestId('11111111-1111-4111-8111-111111111111'),
  backup: backupId('20260101T020000-00000000'),
  attempt: 1,
};

/** Of our own agent, whose hooks a record has. */
function outcome(over: Partial<WindowOutcome> = {}): WindowOutcome {
  const held = outcomeOf(key);
  const lease = { bootId: 'b', epochAtProof: 1, hooks: [], thawHooks: [], heldMs: 30, leaseFired: false };
  return { ...held, claim: { ...held.claim, agent: 'stillframe', version: '11.1.0', lease }, ...over };
}

test('an ordinary outcome is left as it is', () => {
  assert.deepEqual(boundOutcome(outcome()), outcome());
});

test('an outcome of ten thousand filesystems is small, lists the first of them, and counts the rest', () => {
  const ordinary = outcome();
  const filesystems = Array.from({ length: 10_000 }, (_, at) => ({
    mountpoint: `/${'m'.repeat(300)}${at}`,
    type: 'ext4',
    device: `vd${at}`,
    outcome: 'frozen',
  }));
  const bound = boundOutcome({ ...ordinary, claim: { ...ordinary.claim, version: 'v'.repeat(9_999), filesystems } });
  assert.ok(Buffer.byteLength(JSON.stringify(bound)) < payload);
  assert.deepEqual(bound.reasons, [`filesystems-cut ${bound.claim.filesystems.length} of 10000`]);
  assert.equal(gradePoint(bound, []).grade, 'filesystem');
});

test('thousands of reasons are cut to the gravest, so that the grade stays', () => {
  const named = Array.from({ length: 4_000 }, (_, at) => reason('not-freezable', `/${'n'.repeat(100)}${at}`, 'vfat'));
  const bound = boundOutcome(outcome({ reasons: [...named, reason('mount-not-frozen', '/data')] }));
  assert.equal(bound.reasons[0], 'mount-not-frozen /data');
  assert.match(bound.reasons.at(-1)!, /^reasons-cut \d+ of 4001$/);
  assert.ok(Buffer.byteLength(JSON.stringify(bound)) < payload);
  assert.equal(gradePoint(bound, []).grade, 'crash-atomic');
});

test('hooks that a record cannot hold prove nothing about an application', () => {
  const ordinary = outcome();
  const hooks = Array.from({ length: 500 }, (_, at) => hook(`hook-${at}`));
  const lease = { ...ordinary.claim.lease!, hooks, thawHooks: hooks };
  const bound = boundOutcome({ ...ordinary, claim: { ...ordinary.claim, lease } });
  assert.match(bound.reasons[0]!, /^hooks-cut \d+ of 1000$/);
  assert.equal(gradePoint(bound, []).grade, 'filesystem');
});

test('the words of a failure are cut', () => {
  const failure = { code: 'agent-refused', message: 'x'.repeat(100_000) };
  const bound = boundOutcome(outcome({ pointInTimeAt: null, failure }));
  assert.equal(bound.failure!.message.length, 2_000);
});
