/** Copy, commit and release as activities. The copy listens to cancellation; what is owed to a guest afterwards does not. */

import { cancellationSignal } from '@temporalio/activity';
import type { Backups } from '../backup/backups.ts';
import type { BackupRequest } from '../model/workflows/backup-guest.ts';
import type { DiskProgress, RestorePoint } from '../model/point/point.ts';
import { serve } from './activities.ts';
import { withHeartbeat } from './heartbeats.ts';

export function createCopyActivities({ backups }: { backups: Backups }) {
  return serve({
    copy: (request: BackupRequest): Promise<void> => {
      let progress: DiskProgress = { doneBytes: 0, totalBytes: 0, disk: '' };
      const signal = cancellationSignal();
      return withHeartbeat(
        () => progress,
        () => backups.copy(request, { signal, onProgress: (next) => (progress = next) }),
      );
    },
    commitPoint: ({ guest, backup, repository }: BackupRequest): Promise<RestorePoint> =>
      backups.commit({ guest, backup, repository }),
    release: (request: BackupRequest): Promise<void> => backups.cleanUp(request),
  });
}
