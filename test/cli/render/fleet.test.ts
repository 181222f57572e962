/** `guest status --all`: who is frozen, since when, by whom, what is owed, and who did not say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FleetStatus } from '../../../client/guest-status.ts';
import { statusOfFleet } from '../../../client/guest-status.ts';
import type { Context } from '../../../cli/context.ts';
import { printFleet } from '../../../cli/render/fleet.ts';
import { StillframeError } from '../../../model/errors.ts';
import type { GuestListing } from '../../../model/guest/listing.ts';
import { backupId, guestId, hostId } from '../../../model/ids.ts';
import type { GuestStatus } from '../../../model/workflows/guest-command.ts';
import type { Inventory } from '../../../model/workflows/host-entity.ts';

const listing = (name: string): GuestListing => ({
  id: guestId(`${name}-id`),
  name,
  state: 'running',
  disks: [],
  carries: [],
  problem: null,
});
const row = (name: string, status: Partial<GuestStatus>): FleetStatus => ({
  guest: listing(name),
  host: hostId('h'),
  status: { agent: 'thawed', window: null, ...status },
  error: null,
});
const foundAt = '2026-01-01T02:00:00.000Z';
const lease = { state: 'frozen', epoch: null, held: ['/'], foreign: [] };
const window = { backup: backupId('b-1'), epoch: 7, openedAt: foundAt, leaseMs: 10_000 };

const thawed = row('a', {});
const inWindow = row('b', { agent: 'frozen', window: { ...window, remainingMs: 4_000 } });
const overdue = row('c', {
  agent: null,
  unanswered: { code: 'agent-absent', message: 'x' },
  window: { ...window, remainingMs: -2_000 },
});
const leased = row('d', { agent: 'frozen', lease: { ...lease, remainingMs: 30_000 } });
const stray = row('e', { agent: 'frozen', strayFoundAt: foundAt });
const silent = row('f', { agent: null, unanswered: { code: 'channel-held', message: 'x' } });
const lost: FleetStatus = {
  guest: listing('g'),
  host: hostId('h'),
  status: null,
  error: new StillframeError('host-absent', 'x'),
};
const strayOfLostHost: FleetStatus = { ...lost, guest: { ...listing('h'), strayFoundAt: foundAt } };

function print(fleet: FleetStatus[], json = false) {
  let stdout = '';
  const process: Context['process'] = { stdout: { write: (text) => void (stdout += text) }, stderr: { write() {} }, env: {} };
  printFleet({ process, isTTY: false, columns: 80, interrupt: () => new AbortController().signal }, fleet, { json });
  return { stdout, status: process.exitCode ?? 0 };
}

test('each guest has its state, since when, by whom, and what is owed; one that did not say is never called thawed', () => {
  const { stdout, status } = print([thawed, inWindow, overdue, leased, stray, silent, lost, strayOfLostHost]);
  assert.deepEqual(
    stdout.split('\n').map((line) => line.split(/ {2,}/).join('|')),
    [
      'NAME|HOST|STATE|SINCE|BY|OWED',
      'a|h|thawed|-|-|-',
      'b|h|frozen|2026-01-01 02:00:00Z|backup b-1, epoch 7|a thaw in 4.0 s',
      'c|h|no answer (agent-absent)|2026-01-01 02:00:00Z|backup b-1, epoch 7|a thaw, overdue by 2.0 s',
      'd|h|frozen|-|another client of its agent|its agent thaws in 30.0 s',
      'e|h|frozen|before 2026-01-01 02:00:00Z|another program|nothing',
      'f|h|no answer (channel-held)|-|-|-',
      'g|h|no answer (host-absent)|-|-|-',
      'h|h|frozen when last seen, no answer (host-absent)|before 2026-01-01 02:00:00Z|another program|nothing',
      '',
    ],
  );
  assert.equal(status, 1);
});

test('the status is 1 for a freeze that nobody owes a thaw and for a thaw that is overdue, 6 for a guest that did not say', () => {
  const statuses = [[thawed, inWindow, leased], [thawed, silent], [lost], [overdue], [stray, silent], [strayOfLostHost]].map(
    (fleet) => print(fleet).status,
  );
  assert.deepEqual(statuses, [0, 6, 6, 1, 1, 1]);
});

test('JSON has the verdict of each guest, and why one did not answer', () => {
  const rows = JSON.parse(print([stray, lost], true).stdout) as Record<string, unknown>[];
  assert.deepEqual(rows, [
    { guest: 'e-id', name: 'e', host: 'h', verdict: 'stray', agent: 'frozen', window: null, strayFoundAt: foundAt },
    {
      guest: 'g-id',
      name: 'g',
      host: 'h',
      verdict: 'unknown',
      agent: null,
      window: null,
      unanswered: { code: 'host-absent', message: 'x' },
    },
  ]);
});

test('all guests of all hosts are asked, a bounded number at once, and a host that takes no work is not waited for again', async () => {
  const inventory = (host: string, count: number): Inventory => ({
    host: hostId(host),
    machineId: host,
    guests: Array.from({ length: count }, (_, at) => listing(`${host}-${at}`)),
    repositories: [],
    snapshots: [],
    announcedAt: foundAt,
  });
  let out = 0;
  let most = 0;
  let askedOfAbsent = 0;
  const fleet = await statusOfFleet([inventory('up', 20), inventory('away', 20)], async ({ guest, inventory: { host } }) => {
    if (host === 'away') askedOfAbsent++;
    most = Math.max(most, ++out);
    await new Promise(setImmediate);
    out--;
    if (host === 'away')
      throw Object.assign(new Error('failed', { cause: Object.assign(new Error('x'), { type: 'host-absent' }) }));
    if (guest.name === 'up-3') throw new StillframeError('command-unanswered', 'no answer');
    return { agent: 'thawed', window: null };
  });
  assert.deepEqual([fleet.length, fleet.filter(({ status }) => status !== null).length], [40, 19]);
  assert.ok(fleet.every(({ status, error }) => (status === null) === (error !== null)));
  assert.ok(most <= 8 && askedOfAbsent <= 4, `${most} at once, ${askedOfAbsent} of the host that is away`);
});

test('a guest whose id is not known is named as not answering', async () => {
  const guest = { ...listing('off'), id: null, problem: 'monitor-unreachable' };
  const inventory = { host: hostId('h'), machineId: 'm', guests: [guest], repositories: [], snapshots: [], announcedAt: foundAt };
  const fleet = await statusOfFleet([inventory], () => assert.fail('no work can be sent to it'));
  assert.match(print(fleet).stdout, /^off +h +no answer \(guest-id-unknown\)/m);
});
