/** A guest is found by name or id; a name that fits none or several is answered with what to write instead. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoOf } from '../../client/backups.ts';
import { demandId, resolveGuest } from '../../client/hosts.ts';
import { chooseRepository } from '../../cli/repository.ts';
import type { StillframeError } from '../../model/errors.ts';
import type { Inventory } from '../../model/workflows/host-entity.ts';
import { guestId, hostId } from '../../model/ids.ts';

function inventory(host: string, guests: Record<string, string>): Inventory {
  return {
    host: hostId(host),
    machineId: host,
    guests: Object.entries(guests).map(([id, name]) => ({
      id: guestId(id),
      name,
      state: 'running',
      disks: [],
      carries: [],
      problem: null,
    })),
    repositories: [],
    snapshots: [],
    announcedAt: '2026-01-01T00:00:00Z',
  };
}
const fleet = [inventory('rack1', { 'aa-1': 'db1', 'aa-2': 'web' }), inventory('rack2', { 'bb-1': 'db2', 'bb-2': 'web' })];

const fails = (code: string, message: string) => (error: StillframeError) => {
  assert.equal(error.code, code);
  assert.equal(error.message, message);
  return true;
};

test('by name, and by id in any case', () => {
  assert.equal(resolveGuest(fleet, 'db2').inventory.host, 'rack2');
  assert.equal(resolveGuest(fleet, 'BB-2').guest.name, 'web');
});

test('an unknown name is answered with the near ones', () => {
  assert.throws(
    () => resolveGuest(fleet, 'db3'),
    fails('guest-unknown', 'no guest is called "db3". Did you mean "db1" or "db2"? "stillframe guest list" shows all'),
  );
});

test('a name on two hosts is answered with both and their ids', () => {
  assert.throws(
    () => resolveGuest(fleet, 'web'),
    fails('guest-ambiguous', '2 guests are called "web": aa-2 on rack1, bb-2 on rack2; name the one you mean by its id'),
  );
});

test('a guest whose id is not known is found by its name, and refused by it where work is sent', () => {
  const off = structuredClone(fleet);
  Object.assign(off[0]!.guests[0]!, { id: null, problem: 'monitor-unreachable' });
  const found = resolveGuest(off, 'db1');
  assert.equal(found.guest.id, null);
  assert.throws(
    () => demandId(found),
    fails(
      'guest-id-unknown',
      "the id of guest db1 on rack1 is not known, since its QEMU has not answered yet (monitor-unreachable): start the guest, or give it an id: in the host's file",
    ),
  );
  assert.throws(() => resolveGuest(off, ''), { code: 'guest-unknown' });
});

test('without any host, it is the hosts that are missing', () => {
  assert.throws(
    () => resolveGuest([], 'db1'),
    fails(
      'guest-unknown',
      'no guest is called "db1". No host has announced itself: start "stillframe worker host" (or "stillframe up") on one',
    ),
  );
});

test('the only repository needs no name; a choice has to be made', () => {
  assert.equal(chooseRepository(undefined, ['main'], 'host a'), 'main');
  assert.equal(chooseRepository('off', ['main', 'off'], 'host a'), 'off');
  assert.throws(
    () => chooseRepository(undefined, ['main', 'off'], 'host a'),
    fails('input-invalid', 'host a has several repositories: choose one of main, off with --repository'),
  );
  assert.throws(
    () => chooseRepository(undefined, [], 'host a'),
    fails('repository-unknown', 'host a has no repository: add one to "repositories" in the host\'s file'),
  );
});

test('a backup that somebody started without its memo is none of ours', () => {
  assert.equal(memoOf({ memo: {} }), undefined);
  assert.equal(memoOf({ memo: { backup: 7 } }), undefined);
  assert.equal(memoOf({ memo: { backup: '../x', guest: 'g', guestName: 'db1', host: 'h' } }), undefined);
  const memo = { backup: 'x', guest: 'g', guestName: 'db1', host: 'h' };
  assert.deepEqual(memoOf({ memo }), memo);
});
