/** The commands that are there where the platform can freeze. */

import type { Command } from '../command.ts';
import { fsfreezeFreezeList } from './guest-fsfreeze-freeze-list.ts';
import { fsfreezeFreeze } from './guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from './guest-fsfreeze-status.ts';
import { fsfreezeThaw } from './guest-fsfreeze-thaw.ts';
import { leaseFreeze } from './stillframe-freeze.ts';
import { leaseStatus } from './stillframe-status.ts';
import { leaseThaw } from './stillframe-thaw.ts';

export const freezeCommands: readonly [string, Command][] = [
  ['guest-fsfreeze-status', fsfreezeStatus],
  ['guest-fsfreeze-freeze', fsfreezeFreeze],
  ['guest-fsfreeze-freeze-list', fsfreezeFreezeList],
  ['guest-fsfreeze-thaw', fsfreezeThaw],
  ['__org.stillframe_freeze', leaseFreeze],
  ['__org.stillframe_thaw', leaseThaw],
  ['__org.stillframe_status', leaseStatus],
];
