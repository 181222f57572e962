/** __org.stillframe_freeze: a freeze with an epoch and a lease; reports the result for every filesystem and hook. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Agent, Command, Result } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { hooksResult, numberOf } from './stillframe-report.ts';

export const leaseFreeze: Command = {
  takes: {
    epoch: { type: 'integer' },
    lease: { type: 'integer' },
    mountpoints: { type: 'strings', optional: true },
  },
  run: freezeWithLease,
};

/** Five minutes, like KubeVirt's safety net: a client that requests more has mistaken the unit. */
const longestLeaseMs = 300_000;

async function freezeWithLease({ freeze, bootId, log }: Agent, args: JsonObject): Promise<Result> {
  const epoch = numberOf(args.epoch, 'epoch', Number.MAX_SAFE_INTEGER);
  const leaseMs = numberOf(args.lease, 'lease', longestLeaseMs);
  if (freeze!.last()?.epoch === epoch)
    throw new CommandError(`epoch ${epoch} has been frozen before: every freeze needs an epoch of its own`);
  log.audit(`__org.stillframe_freeze called, epoch: ${epoch}, lease: ${leaseMs} ms`);
  const { filesystems, hooks } = await freeze!.freeze({ epoch, leaseMs, mountPoints: args.mountpoints as string[] | undefined });
  return {
    'boot-id': bootId,
    epoch,
    remaining: freeze!.held().remainingMs ?? 0,
    filesystems: filesystems.map(({ mountPoint, type, deviceName, outcome, places }) => ({
      mountpoint: mountPoint,
      type,
      device: deviceName,
      outcome,
      places,
    })),
    hooks: hooksResult(hooks),
  };
}
