/** __org.stillframe_thaw: ends the freeze of one epoch and of no other. For an epoch that has ended it repeats how it ended. */

import type { JsonObject } from '../../../protocol/json.ts';
import type { Agent, Command, Result } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { hooksResult, numberOf } from './stillframe-report.ts';

export const leaseThaw: Command = {
  takes: { epoch: { type: 'integer' } },
  run: thawEpoch,
};

async function thawEpoch({ freeze, bootId, log }: Agent, args: JsonObject): Promise<Result> {
  const epoch = numberOf(args.epoch, 'epoch', Number.MAX_SAFE_INTEGER);
  const last = freeze!.last();
  const known = last ? last.epoch : freeze!.held().epoch;
  if (known !== epoch) {
    const what = known === undefined ? 'no epoch' : `epoch ${known}`;
    throw new CommandError(`epoch ${epoch} is not the last freeze of this agent, which has ${what}: nothing was done`);
  }
  const report = last ?? (await freeze!.thaw())!;
  log.audit(`__org.stillframe_thaw called, epoch: ${epoch}`);
  return {
    'boot-id': bootId,
    epoch,
    filesystems: report.filesystems.map(({ mountPoint, outcome }) => ({ mountpoint: mountPoint, outcome })),
    held: report.heldMs,
    'lease-fired': report.leaseFired,
    hooks: hooksResult(report.hooks),
  };
}
