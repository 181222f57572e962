/** `stillframe backup`: taking backups and looking at them. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../context.ts';
import { backupCancel } from './backup-cancel.ts';
import { backupFollow } from './backup-follow.ts';
import { backupList } from './backup-list.ts';
import { backupRun } from './backup-run.ts';
import { backupShow } from './backup-show.ts';

export const backupRoutes = buildRouteMap<string, Context>({
  routes: { run: backupRun, list: backupList, show: backupShow, follow: backupFollow, cancel: backupCancel },
  docs: { brief: 'Take backups, and look at those that run or ran' },
});
