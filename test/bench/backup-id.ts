/** Ids for backups that only a bench asks for. */

import { randomBytes } from 'node:crypto';
import { newBackupId, type BackupId } from '../../model/ids.ts';

export function newBackup(): BackupId {
  return newBackupId(Date.now(), randomBytes(4).toString('hex'));
}
