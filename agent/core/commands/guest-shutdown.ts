/** guest-shutdown: asks init to shut the system down. Success has no reply: the host sees the machine end. */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { runProgram } from '../system/run-program.ts';

export const shutdown: Command = {
  takes: { mode: { type: 'string', optional: true } },
  async run({ platform, log }, args) {
    const mode = (args.mode as string | undefined) ?? 'powerdown';
    log.audit(`guest-shutdown called, mode: ${mode}`);
    const way = ways.get(mode);
    // qemu-ga's text lacks the closing bracket too.
    if (!way) throw new CommandError('mode is invalid (valid values are: halt|powerdown|reboot');
    const argv = platform.files.isExecutable(way.program)
      ? [way.program]
      : ['/sbin/shutdown', '-h', way.flag, '+0', 'hypervisor initiated shutdown'];
    await runProgram(platform, argv, 'shutdown');
    return {};
  },
};

/** Every init has these programs; busybox does not have shutdown(8), which needs the flags. */
const ways = new Map([
  ['powerdown', { program: '/sbin/poweroff', flag: '-P' }],
  ['halt', { program: '/sbin/halt', flag: '-H' }],
  ['reboot', { program: '/sbin/reboot', flag: '-r' }],
]);
