/** Every command by its name, in the order of qemu-ga's schema; ours behind. */

import type { Command } from '../command.ts';
import { info } from './guest-info.ts';
import { ping } from './guest-ping.ts';
import { syncDelimited } from './guest-sync-delimited.ts';
import { sync } from './guest-sync.ts';

export const commands: ReadonlyMap<string, Command> = new Map([
  ['guest-sync-delimited', syncDelimited],
  ['guest-sync', sync],
  ['guest-ping', ping],
  ['guest-info', info],
]);
