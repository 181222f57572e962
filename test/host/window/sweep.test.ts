/** The sweep: which freezes nobody owes a thaw, what is done about them, and which guests are left alone. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { it, type TestContext } from 'node:test';
import { connectAgent } from '../../../host/channel/agent-channel.ts';
import { clientsOf } from '../../../host/channel/holder.ts';
import { createSweep, lastSweep, type Sweep } from '../../../host/window/sweep.ts';
import type { StrayPolicy } from '../../../model/guest/stray-freeze.ts';
import type { GuestId } from '../../../model/ids.ts';
import type { GuestListing } from '../../../model/guest/listing.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { db1, dieInsideWindow, onEither, request, setStage, wire, type Kind, type Stage } from './stage.ts';

const listing: GuestListing = { id: db1, name: 'db', state: 'running', disks: [], carries: [], problem: null };

interface SweptStage extends Stage {
  sweep: Sweep;
  /** Another worker on the same state. */
  restarted(): Sweep;
  said: string[];
  listing: GuestListing;
  /** How often the sweep opened a channel. */
  connects: number;
  stateDir: string;
}

async function swept(t: TestContext, kind: Kind, policy: StrayPolicy = 'report', options = {}): Promise<SweptStage> {
  const stage = await setStage(t, { kind, ...options });
  const stateDir = await temporaryFolder(t);
  const said: string[] = [];
  const whole = { ...stage, said, stateDir, listing: { ...listing }, connects: 0 };
  const restarted = () => {
    const sweep = createSweep({
      driver: { guest: (id) => stage.driver.guest(id), inventory: async () => [whole.listing] },
      journal: stage.journal,
      windows: stage.windows,
      connect: (address, answerMs) => (whole.connects++, connectAgent(address, answerMs)),
      policy,
      stateDir,
      log: (_, message) => void said.push(message),
    });
    /** The next look leaves a channel alone that somebody has, and the kernel shows a client for a moment after it has gone. */
    const untilFree = async <T>(look: () => Promise<T>) => {
      const before = await clientCount(stage);
      const found = await look();
      while ((await clientCount(stage)) > before) await new Promise(setImmediate);
      return found;
    };
    return { ...sweep, run: () => untilFree(sweep.run), thawStray: (guest: GuestId) => untilFree(() => sweep.thawStray(guest)) };
  };
  return Object.assign(whole, { restarted, sweep: restarted() });
}

const clientCount = async ({ agent }: Stage) => (await clientsOf(agent.path)).served.length;

onEither(
  'a guest that another program froze is reported once, since the sweep that found it, until it is thawed',
  async (t, kind) => {
    const stage = await swept(t, kind);
    const { sweep, agent, said } = stage;
    assert.deepEqual((await sweep.run()).strays, []);
    stage.agent.frozen = true;
    const { strays, sweptAt } = await sweep.run();
    assert.deepEqual(strays, [{ guest: db1, guestName: 'db', foundAt: sweptAt, sweeps: 1 }]);
    await sweep.run();
    assert.deepEqual(sweep.strayOf(db1), { ...strays[0], sweeps: 2 });
    assert.deepEqual((await lastSweep(stage.stateDir))?.strays, [sweep.strayOf(db1)]);
    assert.equal(agent.frozen, true);
    assert.equal(said.filter((each) => each.includes('frozen, and by no window of this host')).length, 1);
    agent.frozen = false;
    assert.deepEqual((await sweep.run()).strays, []);
    assert.equal(sweep.strayOf(db1), null);
  },
);

onEither('where the file says so, a freeze that two sweeps in a row have seen is thawed', async (t, kind) => {
  const stage = await swept(t, kind, 'thaw');
  const { sweep, agent, said } = stage;
  agent.frozen = true;
  await sweep.run();
  assert.equal(agent.frozen, true);
  agent.frozen = false;
  await sweep.run();
  stage.agent.frozen = true;
  await sweep.run();
  assert.equal(agent.frozen, true, 'a freeze that begins anew is a new one');
  const { strays } = await sweep.run();
  assert.equal(agent.frozen, false);
  assert.deepEqual(strays, []);
  assert.ok(said.some((each) => each.includes('it was thawed')));
});

onEither('a worker that is started again goes on from what the one before it found', async (t, kind) => {
  const stage = await swept(t, kind, 'thaw');
  stage.agent.frozen = true;
  const first = (await stage.sweep.run()).strays[0]!;
  const next = stage.restarted();
  assert.deepEqual((await next.run()).strays, []);
  assert.equal(stage.agent.frozen, false);
  assert.equal(stage.sweep.strayOf(db1)?.foundAt, first.foundAt);
});

onEither('a guest inside a window of ours is not asked and not reported', async (t, kind) => {
  const stage = await swept(t, kind, 'thaw');
  await stage.windows.freeze(request);
  const { ran } = stage.agent;
  const asked = ran.length;
  for (let time = 0; time < 3; time++) assert.deepEqual((await stage.sweep.run()).strays, []);
  assert.equal(ran.length, asked);
  assert.equal(stage.agent.frozen, true);
  await stage.windows.thaw(request);
});

onEither('a guest that an earlier worker left frozen is owed its thaw, and is left to those who pursue it', async (t, kind) => {
  const stage = await swept(t, kind, 'thaw');
  await dieInsideWindow(stage, kind);
  for (let time = 0; time < 3; time++) assert.deepEqual((await stage.sweep.run()).strays, []);
  assert.equal(stage.agent.frozen, true);
});

it('a freeze under the lease of our agent ends by itself, and is not reported', async (t) => {
  const stage = await swept(t, 'stillframe', 'thaw');
  stage.agent.frozen = true;
  stage.agent.own!.remaining = 40_000;
  for (let time = 0; time < 3; time++) assert.deepEqual((await stage.sweep.run()).strays, []);
  assert.equal(stage.agent.frozen, true);
});

onEither('a channel that another program holds is left alone, and its guest is reported as not seen', async (t, kind) => {
  const stage = await swept(t, kind, 'thaw');
  const other = createConnection(stage.agent.path);
  await Promise.all([once(other, 'connect'), stage.agent.served]);
  const { strays, unseen } = await stage.sweep.run();
  assert.deepEqual({ strays, unseen }, { strays: [], unseen: [{ guestName: 'db', why: 'channel-held' }] });
  assert.equal(stage.connects, 0, 'nobody waits behind the other program');
  other.destroy();
});

it('where the classic channel is held, a free second one is asked', async (t) => {
  const stage = await swept(t, 'qemu-ga', 'report', { second: true });
  const other = createConnection(stage.agent.path);
  await Promise.all([once(other, 'connect'), stage.agent.served]);
  stage.second!.frozen = true;
  assert.equal((await stage.sweep.run()).strays.length, 1);
  other.destroy();
});

it('a guest whose agent loses the question is not seen, and keeps what was found on it', async (t) => {
  const stage = await swept(t, 'qemu-ga', 'thaw');
  stage.agent.frozen = true;
  const found = (await stage.sweep.run()).strays;
  stage.listing.state = 'paused';
  const paused = await stage.sweep.run();
  assert.deepEqual(paused.strays, found);
  assert.deepEqual(paused.unseen, [{ guestName: 'db', why: 'paused' }]);
  stage.agent.behave('guest-info', () => {});
  stage.listing.state = 'running';
  const silent = await stage.sweep.run();
  assert.deepEqual(silent.strays, found);
  assert.deepEqual(silent.unseen, [{ guestName: 'db', why: 'channel-closed' }]);
  Object.assign(stage.listing, { state: 'unreachable', problem: 'monitor-unreachable' });
  assert.deepEqual((await stage.sweep.run()).strays, [], 'the freeze went with its QEMU');
});

onEither('a window that begins during a sweep waits for its question, and is not disturbed by it', async (t, kind) => {
  const stage = await swept(t, kind, 'thaw');
  const asked = stage.agent.takesUp(kind === 'stillframe' ? wire.stillframe.status : wire['qemu-ga'].status);
  const running = stage.sweep.run();
  await asked;
  const [outcome, { strays }] = await Promise.all([stage.windows.freezeWindow(request), running]);
  assert.equal(outcome.failure, null);
  assert.deepEqual(outcome.reasons, []);
  assert.deepEqual(strays, []);
});

onEither(
  'a guest that came here frozen by the window of another host is thawed at once when it is asked for',
  async (t, kind) => {
    const { sweep, agent } = await swept(t, kind);
    assert.equal(await sweep.thawStray(db1), 'not-frozen');
    agent.frozen = true;
    await sweep.run();
    assert.equal(await sweep.thawStray(db1), 'thawed');
    assert.deepEqual([agent.frozen, sweep.strayOf(db1)], [false, null]);
  },
);

onEither(
  'a guest that this host owes a thaw itself is left to those who pursue it, also when it is asked for',
  async (t, kind) => {
    const stage = await swept(t, kind);
    await dieInsideWindow(stage, kind);
    assert.equal(await stage.sweep.thawStray(db1), 'ours');
    assert.equal(stage.agent.frozen, true);
  },
);
