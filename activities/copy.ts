/** Copy, commit and release as activities. The copy listens to cancellation; what is owed to a guest afterwards does not. */

import { cancellationSignal } from '@temporalio/activity';
import type { Backups, BackupRequest } from '../backup/backups.ts';
import type { DiskProgress, RestorePoint } from '../model/point/point.ts';
import { failing } from './failures.ts';
import { beating } from './heartbeats.ts';

export function createCopyActivities({ backups }: { backups: Backups }) {
  return {
    copy: (request: BackupRequest): Promise<void> => {
      let progress: DiskProgress = { doneBytes: 0, totalBytes: 0, disk: '' };
      const signal = cancellationSignal();
      return failing(() =>
        beating(
          () => progress,
          () => backups.copy(request, { signal, onProgress: (next) => (progress = next) }),
        ),
      );
    },
    commitPoint: (request: BackupRequest): Promise<RestorePoint> => failing(() => backups.commit(request)),
    release: (request: BackupRequest): Promise<void> => failing(() => backups.cleanUp(request)),
  };
}
