/** How the files of a window are named: by epoch, backup and attempt, so that no two windows of a guest share one. */

import { StillframeError } from '../../model/errors.ts';
import { backupId, isBackupId, type BackupId } from '../../model/ids.ts';

export interface WindowName {
  epoch: number;
  backup: BackupId;
  attempt: number;
}

/** @throws input-invalid when no file could be named after it */
export function windowName({ epoch, backup, attempt }: WindowName): string {
  if (!Number.isSafeInteger(attempt) || attempt < 1)
    throw new StillframeError('input-invalid', `attempt ${JSON.stringify(attempt)} is not a whole number from 1`, { backup });
  return `${String(epoch).padStart(12, '0')}.${backupId(backup)}.${attempt}.json`;
}

const namePattern = /^(\d{12,15})\.(.+)\.([1-9]\d*)\.json$/;

/** Null for any other file that lies beside them. */
export function windowIn(name: string): WindowName | null {
  const [, epoch, backup = '', attempt] = namePattern.exec(name) ?? [];
  return isBackupId(backup) ? { epoch: Number(epoch), backup, attempt: Number(attempt) } : null;
}
