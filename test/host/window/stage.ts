/** A host with one guest for tests of windows: the real journal and the real channel; agent and driver do what a test says. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { it, type TestContext } from 'node:test';
import { connectAgent } from '../../../host/channel/agent-channel.ts';
import type { AgentChannel } from '../../../host/channel/types.ts';
import { openJournal, type Journal } from '../../../host/journal/journal.ts';
import { createWindows, type Windows } from '../../../host/window/windows.ts';
import { isStillframeError, type ErrorCode, type StillframeError } from '../../../model/errors.ts';
import type { WindowLimits } from '../../../model/window/lease.ts';
import type { GuestClaim, WindowOutcome } from '../../../model/window/window.ts';
import { startFakeAgent, type FakeAgent } from '../../fakes/fake-agent.ts';
import { createFakeDriver, type FakeDriver } from '../../fakes/fake-driver.ts';
import { guestId, backupId } from '../../../model/ids.ts';
import { makeFolder } from '../../support/folder.ts';

export const db1 = guestId('db1');
export const request = { guest: db1, backup: backupId('b-1'), attempt: 1 };

/** The same window on either agent: what it is frozen, asked and thawed by. */
export const wire = {
  'qemu-ga': { freeze: 'guest-fsfreeze-freeze', status: 'guest-fsfreeze-status', thaw: 'guest-fsfreeze-thaw' },
  stillframe: { freeze: '__org.stillframe_freeze', status: '__org.stillframe_status', thaw: '__org.stillframe_thaw' },
} as const;

export type Kind = keyof typeof wire;
const kinds = ['qemu-ga', 'stillframe'] as const satisfies Kind[];

/** One test for each agent: what the host promises does not depend on which one answers. */
export function onEither(title: string, test: (t: TestContext, kind: Kind) => Promise<void>): void {
  for (const kind of kinds) it(`${kind}: ${title}`, (t) => test(t, kind));
}

/** For answers that never come: what is waited for is the time-out itself. */
const soonMs = 150;

export interface Stage {
  agent: FakeAgent;
  /** On the second channel, where there is one. */
  second: FakeAgent | undefined;
  driver: FakeDriver;
  journal: Journal;
  windows: Windows;
  /** Directory of the journal. */
  directory: string;
  /** While set, syncs and thaws wait for their answer only as long as a test can. */
  hurry: boolean;
  /** Resolves when the host says so. */
  says(words: string): Promise<void>;
}

export interface StageOptions {
  limits?: Partial<WindowLimits>;
  snapshots?: Record<string, string[]>;
  carries?: string[];
  /** The agent of the guest; the stock one when absent. */
  kind?: Kind;
  /** There is a second channel, with an agent of ours on it. */
  second?: boolean;
  /** No agent runs in the guest. */
  absent?: boolean;
}

export async function setStage(t: TestContext, options: StageOptions = {}): Promise<Stage> {
  const { limits, snapshots = {}, carries = [], kind = 'qemu-ga', second: hasSecond = false, absent = false } = options;
  const directory = await makeFolder();
  const agent = await startFakeAgent({ absent, own: kind === 'stillframe' });
  const second = hasSecond ? await startFakeAgent({ own: true }) : undefined;
  const driver = createFakeDriver({
    id: db1,
    name: 'db',
    channel: agent.address,
    agentChannel: second?.address,
    carries,
  });
  const journal = openJournal({ stateDir: directory });
  const waiters: { words: string; resolve: () => void }[] = [];
  const windows = createWindows({
    driver,
    journal,
    config: { limits: { leaseMs: 20_000, leaseCapMs: 30_000, gapMs: 0, perHour: 0, ...limits }, snapshots },
    connect: async (address, timeoutMs) => hurried(await connectAgent(address, stage.hurry ? soonMs : timeoutMs), stage),
    log: (_, message) => waiters.filter(({ words }) => message.includes(words)).forEach(({ resolve }) => resolve()),
  });
  const stage: Stage = {
    agent,
    second,
    driver,
    journal,
    windows,
    directory,
    hurry: absent,
    says(words) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiters.push({ words, resolve });
      return promise;
    },
  };
  t.after(async () => {
    // Lets go of a window that a failed test left open.
    driver.guestHas('shutdown');
    await windows.drain();
    await agent.stop();
    await second?.stop();
    await rm(directory, { recursive: true });
  });
  return stage;
}

function hurried(channel: AgentChannel, stage: Pick<Stage, 'hurry'>): AgentChannel {
  return {
    close: () => channel.close(),
    execute: (command, args, options) =>
      channel.execute(
        command,
        args,
        stage.hurry && kinds.some((kind) => command.name === wire[kind].thaw) ? { ...options, timeoutMs: soonMs } : options,
      ),
  };
}

/** A transaction that waits for the test; `begun` resolves when the window has come to it. */
export function holdTransaction(driver: FakeDriver) {
  const begun = Promise.withResolvers<void>();
  const transaction = Promise.withResolvers<void>();
  driver.begin = () => {
    begun.resolve();
    return transaction.promise;
  };
  return { begun: begun.promise, complete: transaction.resolve };
}

export function freezes(agent: FakeAgent): number {
  return agent.ran.filter((name) => kinds.some((kind) => name === wire[kind].freeze)).length;
}

/** Nothing is owed, and the guest is not frozen. */
export async function assertThawed({ agent, journal }: Stage): Promise<void> {
  assert.equal(agent.frozen, false);
  assert.deepEqual(await journal.openIntents(), { intents: [], damaged: [] });
}

/** No freeze was sent, nothing is owed, and what was prepared is given back. */
export async function assertUntouched({ agent, driver, journal }: Stage): Promise<void> {
  assert.equal(freezes(agent), 0);
  assert.equal(await journal.intentOf(db1), null);
  assert.equal(await journal.latest(db1), null);
  const count = (call: string) => driver.calls.filter((each) => each === call).length;
  assert.equal(count('abandon'), count('prepare'));
}

/** The error of ours with this code that `outcome` fails with. */
export async function refused(outcome: Promise<unknown>, code: ErrorCode): Promise<StillframeError> {
  const error: unknown = await outcome.then(
    (value) => assert.fail(`wanted ${code}, got ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(isStillframeError(error, code), `wanted ${code}, got ${String(error)}`);
  return error;
}

/** What most tests look at. */
export function verdict({ thawedBy, closing, reasons, failure, pointInTimeAt }: WindowOutcome) {
  return { thawedBy, closing, reasons, failure: failure?.code ?? null, point: pointInTimeAt !== null };
}

/** What a process that died inside a window leaves: an intent in the journal and a frozen guest. */
export async function dieInsideWindow({ agent, directory }: Stage, kind: Kind) {
  agent.frozen = true;
  if (agent.own) agent.own.epoch = 1;
  const claim: GuestClaim = {
    agent: kind,
    version: '11.1.3',
    filesystems: [],
    frozenCount: null,
    thawedCount: null,
    frozenAfterPointInTime: false,
  };
  return openJournal({ stateDir: directory }).begin({
    ...request,
    guestName: 'db',
    leaseMs: 20_000,
    channel: agent.address,
    claim,
  });
}
