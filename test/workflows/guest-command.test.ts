/** guestCommand against a real server: each command reaches its routine on the host, and its answer comes back. */

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { backupId } from '../../model/ids.ts';
import { StillframeError } from '../../model/errors.ts';
import { guestCommand, type GuestCommandName, type GuestCommandResult } from '../../model/workflows/guest-command.ts';
import { standIns, type StandIns } from './stand-ins.ts';
import { forged } from '../support/forged.ts';
import { failureOf, newIds, openStage, type Ids, type Stage } from './stage.ts';

let stage: Stage;
before(async () => (stage = await openStage()));
after(() => stage.close());

async function ask({ guest, host, backup }: Ids, command: GuestCommandName, leaseMs?: number): Promise<GuestCommandResult> {
  return (await stage.start(guestCommand, { guest, host, backup, command, leaseMs })).result();
}

const askOn = (parts: StandIns, command: GuestCommandName, leaseMs?: number) =>
  stage.onHost(parts, (ids) => ask(ids, command, leaseMs));

describe('guestCommand', { concurrency: true }, () => {
  it('guestCommand returns the round trip of a ping', async () => {
    const result = await askOn(standIns(), 'ping');
    assert.ok(result.command === 'ping' && result.roundTripMs >= 0);
  });

  it('guestCommand returns what the agent reports about itself', async () => {
    const result = await askOn(standIns(), 'info');
    assert.deepEqual(result, {
      command: 'info',
      info: { agent: 'qemu-ga', version: '7.2.0', commands: 1, os: 'Debian GNU/Linux', filesystems: [] },
    });
  });

  it('guestCommand returns the state of the agent and the obligation of the host separately', async () => {
    const openedAt = '2026-01-01T02:00:00.000Z';
    const parts = standIns({
      windows: {
        status: async (guest) => ({
          guest,
          backup: backupId('b1'),
          attempt: 1,
          epoch: 7,
          leaseMs: 10_000,
          openedAt,
          remainingMs: -20,
        }),
      },
    });
    assert.deepEqual(await askOn(parts, 'status'), {
      command: 'status',
      agent: 'thawed',
      window: { backup: 'b1', epoch: 7, leaseMs: 10_000, openedAt, remainingMs: -20 },
    });
  });

  it('guestCommand freezes under the lease that was asked for, and thaws as the operator', async () => {
    const parts = standIns();
    await stage.onHost(parts, async (ids) => {
      const frozen = await ask(ids, 'freeze', 5_000);
      assert.ok(frozen.command === 'freeze' && frozen.leaseMs === 5_000 && frozen.frozenCount === 1);
      const thawed = await ask({ ...ids, backup: newIds().backup }, 'thaw');
      assert.ok(thawed.command === 'thaw' && thawed.report.was === 'open');
      assert.equal(thawed.report.outcome?.thawedBy, 'operator');
    });
    assert.deepEqual(parts.calls, ['freeze', 'ensureThawed operator']);
  });

  it('guestCommand passes on what the guest refused, in the words of its agent', async () => {
    const refused = new StillframeError('agent-refused', 'the agent refused guest-ping: "Command not found"', {
      class: 'CommandNotFound',
    });
    const parts = standIns({ windows: { withChannel: () => Promise.reject(refused) } });
    const failure = await failureOf(askOn(parts, 'ping'));
    assert.equal(failure.type, 'agent-refused');
    assert.match(failure.message, /Command not found/);
    assert.deepEqual(failure.details, [{ class: 'CommandNotFound' }]);
  });

  it('guestCommand refuses an input that it does not know, by name, and asks nothing of the host', async () => {
    const parts = standIns();
    const failure = await failureOf(stage.onHost(parts, (ids) => ask({ ...ids, backup: forged('../victim') }, 'freeze')));
    assert.equal(failure.type, 'input-invalid');
    assert.match(failure.message, /^the input of guestCommand is refused: backup is "\.\.\/victim", expected an id/);
    assert.deepEqual(parts.calls, []);
  });

  it('guestCommand names a host without a worker', async () => {
    const ids = newIds();
    const failure = await failureOf(ask(ids, 'ping'));
    assert.equal(failure.type, 'host-absent');
    assert.match(failure.message, new RegExp(ids.host));
  });
});

it('every history of these commands replays and stays below 2,000 events', async () => {
  assert.ok((await stage.replayAll()) >= 6);
});
