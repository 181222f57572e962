/** `stillframe backup`: taking backups and looking at them. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../../context.ts';
import { backupCancel } from './cancel.ts';
import { backupFollow } from './follow.ts';
import { backupList } from './list.ts';
import { backupRun } from './run.ts';
import { backupShow } from './show.ts';

export const backupRoutes = buildRouteMap<string, Context>({
  routes: { run: backupRun, list: backupList, show: backupShow, follow: backupFollow, cancel: backupCancel },
  docs: { brief: 'Take backups, and look at those that run or ran' },
});
