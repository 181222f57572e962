/** Builds the reports about freeze and thaw from the state of each filesystem. */

import { CommandError } from '../command-error.ts';
import { EBUSY, ENOTTY, EOPNOTSUPP, ESTALE, errnoText } from '../errno.ts';
import type { Freeze, FrozenReport, ThawedReport } from './types.ts';
import type { HookResult } from './hooks.ts';
import type { PlannedFilesystem } from './plan.ts';

/** FIFREEZE on a filesystem without a freeze operation: EOPNOTSUPP, and ENOTTY from other kinds of files. */
const notFreezable = [EOPNOTSUPP, ENOTTY];
/** Frozen already, by another program. */
const foreign = EBUSY;
/** Our code for "another filesystem is mounted there". */
const replaced = ESTALE;

/** @throws CommandError for the first filesystem that should be frozen and is not */
export function refuseUnlessFrozen({ plan, held }: Freeze): void {
  for (const [index, { mountPoint }] of plan.filesystems.entries()) {
    const { state, errno } = held!.target(index);
    if (state === 'frozen' || (state === 'failed' && [...notFreezable, foreign].includes(errno))) continue;
    if (state === 'failed' && errno === replaced)
      throw new CommandError(`failed to freeze ${mountPoint}: another filesystem was mounted there in the meantime; try again`);
    if (state === 'failed') throw new CommandError(`failed to freeze ${mountPoint}: ${errnoText(errno)}`);
    throw new CommandError(`failed to freeze ${mountPoint}: the process that freezes ended before it`);
  }
}

export function frozenReport({ plan, held }: Freeze, hooks: HookResult[]): FrozenReport {
  const outcome = (index: number) => {
    const { state, errno } = held!.target(index);
    if (state !== 'failed') return 'frozen';
    return errno === foreign ? 'foreign' : 'not-freezable';
  };
  return {
    filesystems: [
      ...plan.filesystems.map((filesystem, index) => ({ ...named(filesystem), outcome: outcome(index) }) as const),
      ...plan.unreachable.map((filesystem) => ({ ...named(filesystem), outcome: 'unreachable' }) as const),
    ],
    hooks,
  };
}

const named = ({ mountPoint, type, deviceName, places }: Omit<PlannedFilesystem, 'path'>) => ({
  mountPoint,
  type,
  deviceName,
  places,
});

/** A guard that was killed had not marked it; another process of the agent has thawed it since. */
export function thawedReport(freeze: Freeze, heldMs: number): ThawedReport {
  return {
    epoch: freeze.request.epoch,
    filesystems: freeze.plan.filesystems.flatMap(({ mountPoint, path }, index) => {
      const state = stateOf(freeze, index);
      if (state === 'waiting' || state === 'failed') return [];
      return [{ mountPoint, path, outcome: state === 'lost' ? 'lost' : 'thawed' } as const];
    }),
    whole:
      freeze.request.mountPoints === undefined &&
      freeze.plan.filesystems.every((_, index) => stateOf(freeze, index) === 'thawed' || isUnable(freeze, index)),
    hooks: [],
    heldMs,
    leaseFired: freeze.leaseFired,
  };
}

const stateOf = (freeze: Freeze | undefined, index: number) => freeze?.held?.target(index).state ?? 'waiting';
const isUnable = ({ held }: Freeze, index: number) => notFreezable.includes(held?.target(index).errno ?? 0);

/** Mount points of everything that is or may become frozen. */
export function heldMountPoints(freeze: Freeze | undefined): string[] {
  return (freeze?.plan.filesystems ?? [])
    .filter((_, index) => ['freezing', 'frozen', 'thawing'].includes(stateOf(freeze, index)))
    .map(({ mountPoint }) => mountPoint);
}

export function foreignMountPoints({ plan, held }: Freeze): string[] {
  return plan.filesystems.filter((_, index) => held!.target(index).errno === foreign).map(({ mountPoint }) => mountPoint);
}
