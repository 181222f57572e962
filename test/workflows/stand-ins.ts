/** Windows and copies without guests: what the activities bind to, scripted and watched by a test. */

import type { Backups } from '../../backup/backups.ts';
import type { Reaper } from '../../backup/reaper.ts';
import type { BackupRequest } from '../../model/workflows/backup-guest.ts';
import type { Sweep } from '../../host/window/sweep.ts';
import type { Windows } from '../../host/window/windows.ts';
import type { AgentChannel } from '../../host/channel/types.ts';
import { StillframeError } from '../../model/errors.ts';
import { gradePoint } from '../../model/window/grading.ts';
import type { PointDisk, RestorePoint } from '../../model/point/point.ts';
import type { ThawedBy, WindowKey, WindowOutcome } from '../../model/window/window.ts';
import { hostId } from '../../model/ids.ts';

export interface StandIns {
  windows: Windows;
  backups: Backups;
  reaper: Pick<Reaper, 'claim' | 'clear'>;
  sweep: Pick<Sweep, 'strayOf' | 'seenThawed' | 'thawStray'>;
  /** What was asked of the host, in order: `freezeWindow`, `ensureThawed workflow`, … */
  calls: string[];
  /** Resolves when a call of this text has been made. */
  called(text: string): Promise<void>;
  /** Outcomes that are journalled, by `backup/attempt`. */
  journal: Map<string, WindowOutcome>;
  committed: RestorePoint[];
}

/** `script` replaces single routines; what it leaves out succeeds at once. */
export function standIns(script: { windows?: Partial<Windows>; backups?: Partial<Backups> } = {}): StandIns {
  const calls: string[] = [];
  const waiting: { text: string; resolve: () => void }[] = [];
  const journal: StandIns['journal'] = new Map();
  const committed: RestorePoint[] = [];
  const held = new Map<string, WindowKey>();

  function say(text: string): void {
    calls.push(text);
    for (const each of waiting) if (each.text === text) each.resolve();
  }

  function close(key: WindowKey, over: Partial<WindowOutcome> = {}): WindowOutcome {
    const outcome = journal.get(nameOf(key)) ?? outcomeOf(key, over);
    journal.set(nameOf(key), outcome);
    held.delete(key.guest);
    return outcome;
  }

  const windows: Windows = {
    freezeWindow: async (request) => close(request),
    freeze: async (request) => {
      held.set(request.guest, request);
      return { epoch: 1, frozenCount: 1, leaseMs: request.leaseMs ?? 10_000, remainingMs: 1_000 };
    },
    snapshot: async () => ({ reference: 'tank/vm@stillframe' }),
    thaw: async (key) => {
      if (!held.has(key.guest) && !journal.has(nameOf(key))) throw new StillframeError('window-gone', 'no such window');
      return close(key, { reference: 'tank/vm@stillframe' });
    },
    ensureThawed: async (guest, by) => {
      const key = held.get(guest);
      const outcome = key ? close(key, { thawedBy: by }) : null;
      return { guest, was: key ? 'open' : 'closed', outcome, status: 'thawed' };
    },
    outcome: async (key) => journal.get(nameOf(key)) ?? null,
    status: async () => null,
    latest: async () => null,
    withChannel: (_guest, use) => use(agent),
    whileIdle: async () => null,
    drain: async () => {},
    ...script.windows,
  };
  const backups: Backups = {
    check: async () => 'r-1',
    copy: async () => {},
    commit: async (request) => {
      const point = pointOf(
        request,
        [...journal.values()].findLast((each) => each.backup === request.backup)!,
      );
      committed.push(point);
      return point;
    },
    cleanUp: async () => {},
    ...script.backups,
  };

  return {
    calls,
    called(text) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ text, resolve });
      if (calls.includes(text)) resolve();
      return promise;
    },
    journal,
    committed,
    sweep: {
      strayOf: () => null,
      seenThawed() {},
      async thawStray(guest) {
        say(`thawStray ${guest}`);
        return 'thawed';
      },
    },
    windows: {
      ...windows,
      freezeWindow: async (request) => {
        say('freezeWindow');
        const outcome = await windows.freezeWindow(request);
        journal.set(nameOf(request), outcome);
        return outcome;
      },
      freeze: (request) => (say('freeze'), windows.freeze(request)),
      snapshot: (key, name, signal) => (say(`snapshot ${name}`), windows.snapshot(key, name, signal)),
      thaw: (key) => (say('thaw'), windows.thaw(key)),
      ensureThawed: (guest, by: ThawedBy) => (say(`ensureThawed ${by}`), windows.ensureThawed(guest, by)),
      outcome: (key) => (say('outcome'), windows.outcome(key)),
    },
    backups: {
      check: backups.check,
      copy: (request, options) => (say('copy'), backups.copy(request, options)),
      commit: (request) => (say('commit'), backups.commit(request)),
      cleanUp: (request) => (say('cleanUp'), backups.cleanUp(request)),
    },
    reaper: { claim: async () => ({ [Symbol.dispose]() {} }), clear: async () => {} },
  };
}

/** The record of a window that held, or what `over` makes of it. */
export function outcomeOf({ guest, backup, attempt }: WindowKey, over: Partial<WindowOutcome> = {}): WindowOutcome {
  return {
    guest,
    backup,
    attempt,
    epoch: 1,
    leaseMs: 10_000,
    openedAt: '2026-01-01T02:00:00.000Z',
    closedAt: '2026-01-01T02:00:00.100Z',
    pointInTimeAt: '2026-01-01T02:00:00.050Z',
    times: { freezeMs: 40, pointInTimeMs: 10, proofMs: 5, thawMs: 20, heldMs: 90 },
    thawedBy: 'window',
    closing: 'status-thawed',
    claim: {
      agent: 'qemu-ga',
      version: '7.2.0',
      filesystems: [{ mountpoint: '/', type: 'ext4', device: 'vda' }],
      frozenCount: 1,
      thawedCount: 1,
      frozenAfterPointInTime: true,
    },
    disks: [{ name: 'disk0', device: 'vda', bytes: 1_048_576 }],
    skipped: [],
    reference: null,
    reasons: [],
    failure: null,
    ...over,
  };
}

export const cleanDisk: PointDisk = {
  name: 'disk0',
  file: 'disk0.raw',
  device: 'vda',
  bytes: 1_048_576,
  sha256: '30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58',
  filesystem: 'ext4',
  inspection: {
    result: 'clean',
    filesystems: [{ where: 'whole disk', type: 'ext4', result: 'clean', evidence: 'RECOVER clear, s_start 0' }],
  },
};

/** What a host commits of a window that held on one clean disk. */
function pointOf({ guest, backup }: BackupRequest, window: WindowOutcome): RestorePoint {
  return {
    format: 1,
    id: backup,
    guest: { id: guest, name: 'db1' },
    host: hostId('h1'),
    pointInTimeAt: window.pointInTimeAt!,
    committedAt: '2026-01-01T02:05:00.000Z',
    ...gradePoint(window, [cleanDisk]),
    window,
    disks: [cleanDisk],
    skipped: [],
  };
}

/** Answers every command that the guest activities send. */
const agent: AgentChannel = {
  execute: async ({ name, reply }) => reply(answers[name] ?? {}),
  close() {},
};

const answers: Record<string, Parameters<Parameters<AgentChannel['execute']>[0]['reply']>[0]> = {
  'guest-info': { version: '7.2.0', supported_commands: [{ name: 'guest-ping', enabled: true, 'success-response': true }] },
  'guest-fsfreeze-status': 'thawed',
  'guest-get-osinfo': { name: 'Debian GNU/Linux' },
  'guest-get-fsinfo': [],
};

function nameOf({ backup, attempt }: WindowKey): string {
  return `${backup}/${attempt}`;
}
