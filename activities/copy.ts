/** Copy, commit and release as activities. The copy listens to cancellation; what is owed to a guest afterwards does not. */

import { cancellationSignal } from '@temporalio/activity';
import type { Backups } from '../backup/backups.ts';
import type { BackupRequest } from '../model/workflows/backup-guest.ts';
import type { DiskProgress, RestorePoint } from '../model/point/point.ts';
import { serve } from './activities.ts';

export function createCopyActivities({ backups }: { backups: Backups }) {
  return serve({
    copy: (request: BackupRequest, report: (progress: DiskProgress) => void): Promise<void> => {
      report({ doneBytes: 0, totalBytes: 0, disk: '' });
      return backups.copy(request, { signal: cancellationSignal(), onProgress: report });
    },
    commitPoint: ({ guest, backup, repository }: BackupRequest): Promise<RestorePoint> =>
      backups.commit({ guest, backup, repository }),
    release: (request: BackupRequest): Promise<void> => backups.cleanUp(request),
  });
}
