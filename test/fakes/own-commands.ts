/** The three commands of our agent, for a fake one: epochs, filesystems one by one, hooks; its lease ends when a test says so. */

import { filesystems, Refusal, type FakeCommand, type FakeState, type OwnState } from './fake-command.ts';

export function newOwnState(): OwnState {
  return {
    bootId: '6d1f0f5e-0000-4000-8000-000000000001',
    epoch: undefined,
    remaining: undefined,
    last: undefined,
    leaseMs: undefined,
    outcomes: {},
    lost: [],
    blocked: [],
    hooks: [],
    thawHooks: [],
  };
}

/** The lease inside the guest ends. */
export function expire(agent: FakeState): void {
  endEpoch(agent, true);
}

/** The guest starts again: another boot, and nothing that its agent remembers. */
export function restart(agent: FakeState): void {
  agent.frozen = false;
  agent.own = { ...newOwnState(), bootId: '6d1f0f5e-0000-4000-8000-000000000002' };
}

export const ownCommands: Readonly<Record<string, FakeCommand>> = {
  '__org.stillframe_freeze': {
    takes: { epoch: 'integer', lease: 'integer', 'mountpoints?': 'array' },
    whileFrozen: false,
    run(agent, args) {
      const own = agent.own!;
      const epoch = args.epoch as number;
      if (own.last?.epoch === epoch) return new Refusal(`epoch ${epoch} has been frozen before`);
      own.leaseMs = args.lease as number;
      own.epoch = epoch;
      own.remaining = own.leaseMs;
      agent.frozen = true;
      return {
        'boot-id': own.bootId,
        epoch,
        remaining: own.remaining,
        filesystems: filesystems.map(({ mountpoint, type, name }, index) => ({
          mountpoint,
          type,
          device: name,
          outcome: outcomeOf(own, mountpoint),
          places: [`0000:00:0${index + 2}.0`],
        })),
        hooks: own.hooks,
      };
    },
  },
  '__org.stillframe_thaw': {
    takes: { epoch: 'integer' },
    whileFrozen: true,
    run(agent, { epoch }) {
      const own = agent.own!;
      if (own.epoch === epoch) endEpoch(agent, false);
      const { last } = own;
      if (agent.frozen || !last || last.epoch !== epoch)
        return new Refusal(`epoch ${String(epoch)} is not the last freeze of this agent: nothing was done`);
      return {
        'boot-id': own.bootId,
        epoch: last.epoch,
        filesystems: frozenBy(own).map((mountpoint) => ({
          mountpoint,
          outcome: last.lost.includes(mountpoint) ? 'lost' : 'thawed',
        })),
        held: 12,
        'lease-fired': last.leaseFired,
        hooks: own.thawHooks,
      };
    },
  },
  '__org.stillframe_status': {
    takes: {},
    whileFrozen: true,
    run(agent) {
      const own = agent.own!;
      const { epoch, remaining } = own;
      return {
        'boot-id': own.bootId,
        state: agent.frozen ? 'frozen' : 'thawed',
        ...(agent.frozen && epoch !== undefined && { epoch }),
        ...(agent.frozen && remaining !== undefined && { remaining }),
        held: agent.frozen ? frozenBy(own) : [],
        foreign: filesystems.map((each) => each.mountpoint).filter((each) => outcomeOf(own, each) === 'foreign'),
      };
    },
  },
};

/** A thaw by the test, `frozen = false`, counts as one by another program. */
export function endEpoch(agent: FakeState, leaseFired: boolean): void {
  const own = agent.own!;
  own.last = { epoch: own.epoch!, leaseFired, lost: agent.frozen ? own.lost : frozenBy(own) };
  own.epoch = undefined;
  own.remaining = undefined;
  agent.frozen = false;
}

const outcomeOf = (own: OwnState, mountpoint: string) => own.outcomes[mountpoint] ?? 'frozen';
const frozenBy = (own: OwnState) =>
  filesystems.map((each) => each.mountpoint).filter((mountpoint) => outcomeOf(own, mountpoint) === 'frozen');
