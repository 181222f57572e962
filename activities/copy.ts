/** Copy, commit and release as activities. The copy listens to cancellation; what is owed to a guest afterwards does not. */

import { cancellationSignal } from '@temporalio/activity';
import type { Copies, CopyRequest } from '../backup/backups.ts';
import type { CopyProgress } from '../model/workflows/messages.ts';
import type { RestorePoint } from '../model/point/point.ts';
import { failing } from './failures.ts';
import { beating } from './heartbeats.ts';

export function createCopyActivities({ copies }: { copies: Copies }) {
  return {
    copy: (request: CopyRequest) => {
      let progress: CopyProgress = { doneBytes: 0, totalBytes: 0, disk: '' };
      const signal = cancellationSignal();
      return failing(() =>
        beating(
          () => progress,
          () => copies.copy(request, { signal, onProgress: (next) => (progress = next) }),
        ),
      );
    },
    commitPoint: (request: CopyRequest & { point: RestorePoint }) => failing(() => copies.commit(request)),
    release: (request: CopyRequest) => failing(() => copies.release(request)),
  };
}
