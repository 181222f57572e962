/** The binary's own entry: the core on the C layer. */

import { runAgent } from '../../core/main.ts';
import { native } from './natives.ts';
import { platform } from './platform.ts';

native.lockMemory();
native.hurry();
runAgent(platform);
