/** What a host does with a point in time once its guest runs again: copy, commit, release. */

import type { BackupId, GuestId } from '../model/ids.ts';
import type { CopyProgress } from '../model/workflows/messages.ts';
import type { PointDisk, RestorePoint } from '../model/point/point.ts';

export interface CopyRequest {
  guest: GuestId;
  backup: BackupId;
  /** Name of a repository in the host's file. */
  repository: string;
}

export interface Copies {
  /**
   * Copies, hashes and inspects every disk into the repository's session, in a child process of its own. A repeated call
   * starts the bytes over, from the same point in time.
   * @throws point-in-time-lost, scratch-exhausted, copy-failed, repository-*
   */
  copy(
    request: CopyRequest,
    options: { signal: AbortSignal; onProgress: (progress: CopyProgress) => void },
  ): Promise<PointDisk[]>;
  /** Makes sure that what was copied was the point in time, then commits the manifest. */
  commit(request: CopyRequest & { point: RestorePoint }): Promise<void>;
  /** Takes everything of this backup out of QEMU, scratch and the repository's session; a committed point stays. Idempotent. */
  release(request: CopyRequest): Promise<void>;
}
