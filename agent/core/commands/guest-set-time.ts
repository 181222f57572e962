/** guest-set-time: sets the system clock and then the hardware clock from it; without a time, the system clock from the hardware clock. */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { runProgram } from '../system/run-program.ts';
import { asCommandError } from '../system/call-errors.ts';

export const setTime: Command = {
  takes: { time: { type: 'integer', optional: true } },
  async run({ platform }, { time }) {
    if (time !== undefined) {
      const ns = BigInt(time as number | bigint);
      if (ns < 0n || ns >= year2070) throw new CommandError('Invalid time');
      asCommandError('Failed to set time to guest', () => platform.clock.setRealNs(ns));
    }
    await runProgram(platform, ['/sbin/hwclock', time === undefined ? '-s' : '-w'], 'set hardware clock to system time');
    return {};
  },
};

/** A real-time clock has two digits of the year: 70 to 69 (hwclock(8)). */
const year2070 = BigInt(Date.UTC(2070)) * 1_000_000n;
