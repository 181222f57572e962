/** guest-info: the version, and every command with whether it is enabled now; in qemu-ga's order, which is the schema's in reverse. */

import type { Command } from '../command.ts';

export const info: Command = {
  takes: {},
  run: (agent) => ({
    version: agent.version,
    supported_commands: [...agent.commands].toReversed().map(([name, { answersSuccess = true }]) => ({
      name,
      enabled: agent.isEnabled(name),
      'success-response': answersSuccess,
    })),
  }),
};
