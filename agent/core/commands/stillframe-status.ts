/** __org.stillframe_status: what is held, by which epoch, for how much longer, and which freezes by others were met. */

import type { Command } from '../command.ts';

export const leaseStatus: Command = {
  takes: {},
  run({ freeze, bootId }) {
    const { epoch, remainingMs, mountPoints } = freeze!.held();
    return {
      'boot-id': bootId,
      state: freeze!.state(),
      ...(epoch !== undefined && { epoch }),
      ...(remainingMs !== undefined && { remaining: remainingMs }),
      held: mountPoints,
      foreign: freeze!.foreign(),
    };
  },
};
