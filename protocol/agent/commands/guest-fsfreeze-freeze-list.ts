/** guest-fsfreeze-freeze-list (QEMU 2.2): as guest-fsfreeze-freeze, only the filesystems at these exact mount points. */

import type { AgentCommand } from '../command.ts';
import { smallReply } from '../limits.ts';
import { asCount } from '../shape.ts';

export const fsfreezeFreezeList = {
  name: 'guest-fsfreeze-freeze-list',
  arguments: ({ mountpoints }) => ({ mountpoints }),
  reply: (value) => asCount(value, 'return'),
  effect: 'once',
  timeLimitMs: 'lease',
  maxReplyBytes: smallReply,
  answersSuccess: true,
} satisfies AgentCommand<{ mountpoints: string[] }, number>;
