/** Which sessions in repositories this host has begun and not ended: nothing else in a repository is ever removed by it. */

import { join } from 'node:path';
import { makeDirectory, namesIn, readJson, removeDurably, writeJson } from '../lib/durable.ts';
import { exactly, identifier, nameText } from '../model/check.ts';
import { backupId, isBackupId, isGuestId, type BackupId, type GuestId } from '../model/ids.ts';
import type { RepositoryNamed } from '../repository/known.ts';

export interface Session {
  backup: BackupId;
  guest: GuestId;
  /** Its name in the host's file. */
  repository: string;
}

export interface Sessions {
  /** Before the session is begun. */
  record(session: Session): Promise<void>;
  all(): Promise<Session[]>;
  /** Whose session it is; undefined when there is none. */
  guestOf(backup: BackupId): Promise<GuestId | undefined>;
  /** Removes the session from its repository, then its record; a committed point stays. @throws repository-* */
  abandon(backup: BackupId): Promise<void>;
}

export function openSessions(stateDir: string, repositoryNamed: RepositoryNamed): Sessions {
  const directory = join(stateDir, 'sessions');
  const path = (backup: BackupId) => join(directory, `${backupId(backup)}.json`);

  /** Undefined for one that is damaged: it names no repository, so nothing can be removed for it. */
  async function read(backup: BackupId): Promise<Session | undefined> {
    try {
      const stored = await readJson(path(backup));
      return stored === undefined ? undefined : { ...fields(stored, ''), backup };
    } catch {
      return undefined;
    }
  }

  return {
    async record({ backup, guest, repository }) {
      await makeDirectory(directory);
      await writeJson(path(backup), { guest, repository });
    },
    async all() {
      const names = (await namesIn(directory)).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
      return (await Promise.all(names.filter(isBackupId).map(read))).filter((session) => session !== undefined);
    },
    guestOf: async (backup) => (await read(backup))?.guest,
    async abandon(backup) {
      const session = await read(backup);
      if (session) await (await repositoryNamed(session.repository)).abandon(backup);
      await removeDurably(path(backup)).catch(ignoreMissing);
    },
  };
}

const fields = exactly<Omit<Session, 'backup'>>({ guest: identifier(isGuestId), repository: nameText });

/** No session was ever recorded here. */
function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
