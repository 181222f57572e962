/**
 * Every command by its name, in the order of qemu-ga's schema; those that freeze are in freezing.ts. Commands that hosts send often, and
 * all that freeze or thaw, are loaded at the start; the rest on first use (measured: a quarter of the start, a tenth of the memory).
 */

import { eager, lazy, whileFrozen, type CommandEntry } from '../command.ts';
import { getTime } from './guest-get-time.ts';
import { info } from './guest-info.ts';
import { ping } from './guest-ping.ts';
import { sync } from './guest-sync.ts';
import { syncDelimited } from './guest-sync-delimited.ts';

const actions = () => import('./actions.ts');
const files = () => import('./files.ts');
const inventory = () => import('./inventory.ts');

export const commands: ReadonlyMap<string, CommandEntry> = new Map([
  ['guest-sync-delimited', eager(syncDelimited, { ...whileFrozen, syncs: true })],
  ['guest-sync', eager(sync, { ...whileFrozen, syncs: true })],
  ['guest-ping', eager(ping, whileFrozen)],
  ['guest-get-time', eager(getTime)],
  ['guest-set-time', lazy(actions, 'setTime')],
  ['guest-info', eager(info, whileFrozen)],
  ['guest-shutdown', lazy(actions, 'shutdown', { answersSuccess: false })],
  ['guest-file-open', lazy(files, 'fileOpen')],
  ['guest-file-close', lazy(files, 'fileClose')],
  ['guest-file-read', lazy(files, 'fileRead')],
  ['guest-file-write', lazy(files, 'fileWrite')],
  ['guest-file-seek', lazy(files, 'fileSeek')],
  ['guest-file-flush', lazy(files, 'fileFlush')],
  ['guest-fstrim', lazy(actions, 'fstrim')],
  ['guest-network-get-interfaces', lazy(inventory, 'networkGetInterfaces')],
  ['guest-get-vcpus', lazy(inventory, 'getVcpus')],
  ['guest-get-disks', lazy(inventory, 'getDisks')],
  ['guest-get-fsinfo', lazy(inventory, 'getFsinfo')],
  ['guest-get-memory-blocks', lazy(inventory, 'getMemoryBlocks')],
  ['guest-get-memory-block-info', lazy(inventory, 'getMemoryBlockInfo')],
  ['guest-exec-status', lazy(actions, 'execStatus')],
  ['guest-exec', lazy(actions, 'exec')],
  ['guest-get-host-name', lazy(inventory, 'getHostName')],
  ['guest-get-users', lazy(inventory, 'getUsers')],
  ['guest-get-timezone', lazy(inventory, 'getTimezone')],
  ['guest-get-osinfo', lazy(inventory, 'getOsinfo')],
  ['guest-get-load', lazy(inventory, 'getLoad')],
]);
