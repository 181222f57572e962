/** Copy, commit and release as activities. The copy listens to cancellation; what is owed to a guest afterwards does not. */

import { cancellationSignal } from '@temporalio/activity';
import type { Backups, BackupRequest } from '../backup/backups.ts';
import type { RestorePoint } from '../model/point/point.ts';
import type { CopyProgress } from '../model/workflows/backup-guest.ts';
import { mapErrors } from './failures.ts';
import { withHeartbeat } from './heartbeats.ts';

export function createCopyActivities({ backups }: { backups: Backups }) {
  return {
    copy: (request: BackupRequest): Promise<void> => {
      let progress: CopyProgress = { doneBytes: 0, totalBytes: 0, disk: '' };
      const signal = cancellationSignal();
      return mapErrors(() =>
        withHeartbeat(
          () => progress,
          () => backups.copy(request, { signal, onProgress: (next) => (progress = next) }),
        ),
      );
    },
    commitPoint: (request: BackupRequest): Promise<RestorePoint> => mapErrors(() => backups.commit(request)),
    release: (request: BackupRequest): Promise<void> => mapErrors(() => backups.cleanUp(request)),
  };
}
