/** guest-sync-delimited: echoes a number behind a byte that no JSON text contains. */

import type { Command } from '../command.ts';
import { sync } from './guest-sync.ts';

export const syncDelimited: Command = { ...sync, delimited: true };
