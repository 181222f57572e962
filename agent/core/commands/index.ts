/** Every command by its name, in the order of qemu-ga's schema; those that freeze are in freezing.ts. */

import type { Command } from '../command.ts';
import { exec } from './guest-exec.ts';
import { execStatus } from './guest-exec-status.ts';
import { fileClose } from './guest-file-close.ts';
import { fileFlush } from './guest-file-flush.ts';
import { fileOpen } from './guest-file-open.ts';
import { fileRead } from './guest-file-read.ts';
import { fileSeek } from './guest-file-seek.ts';
import { fileWrite } from './guest-file-write.ts';
import { fstrim } from './guest-fstrim.ts';
import { getDisks } from './guest-get-disks.ts';
import { getFsinfo } from './guest-get-fsinfo.ts';
import { getHostName } from './guest-get-host-name.ts';
import { getLoad } from './guest-get-load.ts';
import { getMemoryBlockInfo } from './guest-get-memory-block-info.ts';
import { getMemoryBlocks } from './guest-get-memory-blocks.ts';
import { getOsinfo } from './guest-get-osinfo.ts';
import { getTime } from './guest-get-time.ts';
import { getTimezone } from './guest-get-timezone.ts';
import { getUsers } from './guest-get-users.ts';
import { getVcpus } from './guest-get-vcpus.ts';
import { info } from './guest-info.ts';
import { networkGetInterfaces } from './guest-network-get-interfaces.ts';
import { ping } from './guest-ping.ts';
import { setTime } from './guest-set-time.ts';
import { shutdown } from './guest-shutdown.ts';
import { sync } from './guest-sync.ts';
import { syncDelimited } from './guest-sync-delimited.ts';

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['guest-sync-delimited', syncDelimited],
  ['guest-sync', sync],
  ['guest-ping', ping],
  ['guest-get-time', getTime],
  ['guest-set-time', setTime],
  ['guest-info', info],
  ['guest-shutdown', shutdown],
  ['guest-file-open', fileOpen],
  ['guest-file-close', fileClose],
  ['guest-file-read', fileRead],
  ['guest-file-write', fileWrite],
  ['guest-file-seek', fileSeek],
  ['guest-file-flush', fileFlush],
  ['guest-fstrim', fstrim],
  ['guest-network-get-interfaces', networkGetInterfaces],
  ['guest-get-vcpus', getVcpus],
  ['guest-get-disks', getDisks],
  ['guest-get-fsinfo', getFsinfo],
  ['guest-get-memory-blocks', getMemoryBlocks],
  ['guest-get-memory-block-info', getMemoryBlockInfo],
  ['guest-exec-status', execStatus],
  ['guest-exec', exec],
  ['guest-get-host-name', getHostName],
  ['guest-get-users', getUsers],
  ['guest-get-timezone', getTimezone],
  ['guest-get-osinfo', getOsinfo],
  ['guest-get-load', getLoad],
]);
