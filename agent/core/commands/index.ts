/**
 * Every command by its name, in the order of qemu-ga's schema; those that freeze are in freezing.ts. Those that hosts ask all the time, and
 * all that freezes or thaws, are read at the start; the rest when it is first asked for (measured: a quarter of the start, a tenth of the memory).
 */

import { here, later, whileFrozen, type CommandEntry } from '../command.ts';
import { getTime } from './guest-get-time.ts';
import { info } from './guest-info.ts';
import { ping } from './guest-ping.ts';
import { sync } from './guest-sync.ts';
import { syncDelimited } from './guest-sync-delimited.ts';

const actions = () => import('./actions.ts');
const files = () => import('./files.ts');
const inventory = () => import('./inventory.ts');

export const commands: ReadonlyMap<string, CommandEntry> = new Map([
  ['guest-sync-delimited', here(syncDelimited, { ...whileFrozen, syncs: true })],
  ['guest-sync', here(sync, { ...whileFrozen, syncs: true })],
  ['guest-ping', here(ping, whileFrozen)],
  ['guest-get-time', here(getTime)],
  ['guest-set-time', later(actions, 'setTime')],
  ['guest-info', here(info, whileFrozen)],
  ['guest-shutdown', later(actions, 'shutdown', { answersSuccess: false })],
  ['guest-file-open', later(files, 'fileOpen')],
  ['guest-file-close', later(files, 'fileClose')],
  ['guest-file-read', later(files, 'fileRead')],
  ['guest-file-write', later(files, 'fileWrite')],
  ['guest-file-seek', later(files, 'fileSeek')],
  ['guest-file-flush', later(files, 'fileFlush')],
  ['guest-fstrim', later(actions, 'fstrim')],
  ['guest-network-get-interfaces', later(inventory, 'networkGetInterfaces')],
  ['guest-get-vcpus', later(inventory, 'getVcpus')],
  ['guest-get-disks', later(inventory, 'getDisks')],
  ['guest-get-fsinfo', later(inventory, 'getFsinfo')],
  ['guest-get-memory-blocks', later(inventory, 'getMemoryBlocks')],
  ['guest-get-memory-block-info', later(inventory, 'getMemoryBlockInfo')],
  ['guest-exec-status', later(actions, 'execStatus')],
  ['guest-exec', later(actions, 'exec')],
  ['guest-get-host-name', later(inventory, 'getHostName')],
  ['guest-get-users', later(inventory, 'getUsers')],
  ['guest-get-timezone', later(inventory, 'getTimezone')],
  ['guest-get-osinfo', later(inventory, 'getOsinfo')],
  ['guest-get-load', later(inventory, 'getLoad')],
]);
