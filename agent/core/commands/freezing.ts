/** The commands that are there where the platform can freeze. */

import { here, whileFrozen, type CommandEntry } from '../command.ts';
import { fsfreezeFreezeList } from './guest-fsfreeze-freeze-list.ts';
import { fsfreezeFreeze } from './guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from './guest-fsfreeze-status.ts';
import { fsfreezeThaw } from './guest-fsfreeze-thaw.ts';
import { leaseFreeze } from './stillframe-freeze.ts';
import { leaseStatus } from './stillframe-status.ts';
import { leaseThaw } from './stillframe-thaw.ts';

export const freezeCommands: readonly [string, CommandEntry][] = [
  ['guest-fsfreeze-status', here(fsfreezeStatus, whileFrozen)],
  ['guest-fsfreeze-freeze', here(fsfreezeFreeze)],
  ['guest-fsfreeze-freeze-list', here(fsfreezeFreezeList)],
  ['guest-fsfreeze-thaw', here(fsfreezeThaw, whileFrozen)],
  ['__org.stillframe_freeze', here(leaseFreeze)],
  ['__org.stillframe_thaw', here(leaseThaw, whileFrozen)],
  ['__org.stillframe_status', here(leaseStatus, whileFrozen)],
];
