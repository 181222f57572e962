/** `stillframe backup list`: the latest backups that the server knows. */

import type { ServerFlags } from '../../../client/settings.ts';
import { formatDuration } from '../../../model/units.ts';
import { backupHandle, listBackups, type Backup } from '../../../client/backups.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { serverFlags, jsonFlag, serverOf } from '../../flags.ts';
import { printJson } from '../../render/json.ts';
import { renderTable } from '../../render/table.ts';
import { formatTime } from '../../render/text.ts';
import { withTemporal, type Temporal } from '../../../client/connection.ts';

/** A screenful; each completed one costs a question for its grade. */
const shownByDefault = 20;

interface Flags extends ServerFlags {
  limit: number;
  json: boolean;
}

export const backupList = command(
  {
    docs: {
      brief: 'List the latest backups, newest first',
      fullDescription:
        'List the latest backups, newest first, running and ended, as far back as the server keeps them. What is kept for a\nrestore is in "stillframe point list".',
    },
    parameters: {
      flags: {
        limit: { kind: 'parsed', parse: count, default: String(shownByDefault), placeholder: 'N', brief: 'How many' },
        ...serverFlags,
        json: jsonFlag,
      },
    },
    async func(this: Context, flags: Flags) {
      const rows = await withTemporal(await serverOf(this, flags), async (temporal) => {
        const backups = await listBackups(temporal, flags.limit);
        return Promise.all(backups.map(async (backup) => describe(backup, await gradeOf(temporal, backup))));
      });
      if (flags.json) return printJson(this, rows);
      const width = this.isTTY ? this.columns : undefined;
      const cells = rows.map((row) => [
        row.backup,
        row.guestName,
        row.host,
        row.status,
        row.grade ?? '',
        formatTime(row.startedAt),
        row.endedAt === null ? '' : formatDuration(Date.parse(row.endedAt) - Date.parse(row.startedAt)),
      ]);
      this.process.stdout.write(renderTable(['BACKUP', 'GUEST', 'HOST', 'STATUS', 'GRADE', 'STARTED', 'TOOK'], cells, { width }));
    },
  },
  ['temporal'],
);

function describe({ memo, info }: Backup, grade: string | null) {
  return {
    ...memo,
    status: info.status.name.toLowerCase(),
    grade,
    startedAt: info.startTime.toISOString(),
    endedAt: info.closeTime?.toISOString() ?? null,
  };
}

async function gradeOf(temporal: Temporal, backup: Backup): Promise<string | null> {
  if (backup.info.status.name !== 'COMPLETED') return null;
  return (await backupHandle(temporal, backup).result()).grade;
}

function count(input: string): number {
  const value = Number(input);
  if (!/^\d+$/.test(input) || value < 1) throw new Error('expected a whole number above 0');
  return value;
}
