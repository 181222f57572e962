/** Every command by its name; those that freeze are in freezing.ts. */

import type { Command } from '../command.ts';
import { execStatus } from './guest-exec-status.ts';
import { exec } from './guest-exec.ts';
import { fileClose } from './guest-file-close.ts';
import { fileFlush } from './guest-file-flush.ts';
import { fileOpen } from './guest-file-open.ts';
import { fileRead } from './guest-file-read.ts';
import { fileSeek } from './guest-file-seek.ts';
import { fileWrite } from './guest-file-write.ts';
import { info } from './guest-info.ts';
import { ping } from './guest-ping.ts';
import { syncDelimited } from './guest-sync-delimited.ts';
import { sync } from './guest-sync.ts';

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['guest-sync-delimited', syncDelimited],
  ['guest-sync', sync],
  ['guest-ping', ping],
  ['guest-info', info],
  ['guest-file-open', fileOpen],
  ['guest-file-close', fileClose],
  ['guest-file-read', fileRead],
  ['guest-file-write', fileWrite],
  ['guest-file-seek', fileSeek],
  ['guest-file-flush', fileFlush],
  ['guest-exec-status', execStatus],
  ['guest-exec', exec],
]);
