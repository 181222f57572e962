/** guest-fsfreeze-freeze: freezes every filesystem that can be frozen; answers how many. */

import type { Command } from '../command.ts';
import { freezeCounted } from './guest-fsfreeze-freeze-list.ts';

export const fsfreezeFreeze: Command = { takes: {}, run: freezeCounted };
