/** The commands that exist where the platform can freeze. */

import { eager, whileFrozen, type CommandEntry } from '../command.ts';
import { fsfreezeFreezeList } from './guest-fsfreeze-freeze-list.ts';
import { fsfreezeFreeze } from './guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from './guest-fsfreeze-status.ts';
import { fsfreezeThaw } from './guest-fsfreeze-thaw.ts';
import { leaseFreeze } from './stillframe-freeze.ts';
import { leaseStatus } from './stillframe-status.ts';
import { leaseThaw } from './stillframe-thaw.ts';

export const freezeCommands: readonly [string, CommandEntry][] = [
  ['guest-fsfreeze-status', eager(fsfreezeStatus, whileFrozen)],
  ['guest-fsfreeze-freeze', eager(fsfreezeFreeze)],
  ['guest-fsfreeze-freeze-list', eager(fsfreezeFreezeList)],
  ['guest-fsfreeze-thaw', eager(fsfreezeThaw, whileFrozen)],
  ['__org.stillframe_freeze', eager(leaseFreeze)],
  ['__org.stillframe_thaw', eager(leaseThaw, whileFrozen)],
  ['__org.stillframe_status', eager(leaseStatus, whileFrozen)],
];
