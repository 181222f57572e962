/** The binary's own entry: the core on the C layer. */

import { runAgent } from '../../core/main.ts';
import { after } from './loop.ts';
import { native } from './natives.ts';
import { platform } from './platform.ts';

/** Long after the first reply, which would wait for it (measured: a tenth of the start). A freeze that comes sooner locks by itself. */
const lockAfterMs = 1_000;

native.hurry();
runAgent(platform);
after(lockAfterMs, native.lockMemory);
