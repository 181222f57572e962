/** The guardian's watches: which window is due, and how each watch ends. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWatches, type GuardianArm } from '../../../model/window/watches.ts';
import { backupId, guestId, hostId } from '../../../model/ids.ts';

const empty = { watches: [], reports: [] };
const freezeStartMs = 8_000;
const armOf = (attempt: number, leaseMs = 10_000): GuardianArm => ({
  backup: backupId('b1'),
  attempt,
  guest: guestId('g1'),
  host: hostId('h1'),
  leaseMs,
});

test('a window is due after its pick-up, its lease and the grace of those who end it first', () => {
  const watches = createWatches(empty, freezeStartMs);
  watches.arm(armOf(1), 1_000);
  assert.equal(watches.next()?.dueAt, 1_000 + 8_000 + 10_000 + 5_000);
});

test('the shorter of two leases is due first, whichever was armed first', () => {
  const watches = createWatches(empty, freezeStartMs);
  watches.arm(armOf(1, 30_000), 0);
  watches.arm(armOf(2, 1_000), 0);
  assert.equal(watches.next()?.arm.attempt, 2);
});

test('arming a window again neither adds a watch nor moves the one that is there', () => {
  const watches = createWatches(empty, freezeStartMs);
  watches.arm(armOf(1), 0);
  watches.arm(armOf(1), 60_000);
  assert.deepEqual(watches.armed(), [armOf(1)]);
  assert.equal(watches.next()?.dueAt, 23_000);
});

test('a disarmed window is reported once, and disarming it again changes nothing', () => {
  const watches = createWatches(empty, freezeStartMs);
  watches.arm(armOf(1), 0);
  watches.disarm(armOf(1));
  watches.disarm(armOf(1));
  assert.equal(watches.next(), undefined);
  assert.deepEqual(watches.reports(), [{ backup: 'b1', attempt: 1, ended: 'disarmed', thaw: null }]);
});

test('a confirmed thaw ends the watch with the report of the host', () => {
  const watches = createWatches(empty, freezeStartMs);
  const thaw = { guest: guestId('g1'), was: 'open', outcome: null, status: 'thawed' } as const;
  watches.arm(armOf(1), 0);
  watches.confirm(armOf(1), thaw);
  assert.deepEqual(watches.reports(), [{ backup: 'b1', attempt: 1, ended: 'confirmed', thaw }]);
});

test('tries without a confirmation are counted over all rounds, and the next round comes after a pause', () => {
  const watches = createWatches(empty, freezeStartMs);
  watches.arm(armOf(1), 0);
  assert.equal(watches.countTries(armOf(1), 5), 5);
  assert.equal(watches.countTries(armOf(1), 5), 10);
  watches.postpone(armOf(1), 100_000);
  assert.equal(watches.next()?.dueAt, 110_000);
});

test('a next run goes on with every open watch and the last twenty reports', () => {
  const watches = createWatches(empty, freezeStartMs);
  for (let attempt = 1; attempt <= 25; attempt++) {
    watches.arm(armOf(attempt), 0);
    watches.disarm(armOf(attempt));
  }
  watches.arm(armOf(99), 0);
  watches.countTries(armOf(99), 5);
  const next = createWatches(watches.state(), freezeStartMs);
  assert.deepEqual(next.next(), watches.next());
  assert.deepEqual([next.reports().length, next.reports()[0]?.attempt], [20, 6]);
});
