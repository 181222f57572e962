/** `stillframe point list|show`: what a repository holds; needs the repository and nothing else. */

import { buildRouteMap } from '@stricli/core';
import type { PointDisk } from '../../../model/point/point.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { exit } from '../../exit.ts';
import { configFlag, jsonFlag, pointArgument } from '../../flags.ts';
import { printJson } from '../../render/json.ts';
import { renderFields, renderTable } from '../../render/table.ts';
import { escapeText, formatBytes, formatTime } from '../../render/text.ts';
import { reasonField, windowFields } from '../../render/window.ts';
import { openNamed, repositoryFlags, type RepositoryFlags } from '../../repository.ts';

const flags = { ...repositoryFlags, config: configFlag, json: jsonFlag };

const list = command({
  docs: {
    brief: 'List the restore points of a repository, oldest first',
    fullDescription:
      'List the restore points of a repository, oldest first. It needs the repository and nothing else: no server, no host.\nPoints whose manifest is damaged are named on stderr, and the exit status is 1.',
  },
  parameters: { flags },
  async func(this: Context, given: RepositoryFlags & { json: boolean }) {
    const { points, damaged } = await (await openNamed(this, given)).list();
    for (const { problem } of damaged) this.process.stderr.write(`stillframe: ${escapeText(problem)}\n`);
    if (damaged.length > 0) this.process.exitCode = exit.error;
    if (given.json) return printJson(this, points);
    const rows = points.map((point) => [
      point.id,
      point.guest.name,
      formatTime(point.pointInTimeAt),
      point.grade,
      String(point.disks.length),
      formatBytes(sizeOf(point.disks)),
      point.reasons.join('; '),
    ]);
    const width = this.isTTY ? this.columns : undefined;
    this.process.stdout.write(
      renderTable(['POINT', 'GUEST', 'POINT IN TIME', 'GRADE', 'DISKS', 'SIZE', 'REASONS'], rows, { width }),
    );
  },
});

const show = command({
  docs: { brief: 'Show one restore point: grade, reasons, disks, window' },
  parameters: { flags, positional: pointArgument },
  async func(this: Context, given: RepositoryFlags & { json: boolean }, id: string) {
    const point = await (await openNamed(this, given)).read(id);
    if (given.json) return printJson(this, point);
    this.process.stdout.write(
      renderFields([
        ['restore point', point.id],
        ['guest', `${point.guest.name} (${point.guest.id}) on ${point.host}`],
        ['committed', formatTime(point.committedAt)],
        ['grade', point.grade],
        reasonField(point.reasons),
        ...windowFields(point.window),
        ['disks', point.disks.flatMap(diskLines)],
        ['left out', point.skipped.length === 0 ? 'none' : point.skipped],
      ]),
    );
  },
});

function diskLines(disk: PointDisk): string[] {
  const found = disk.inspection.filesystems.map(
    ({ where, type, result, evidence }) => `  ${where}: ${type} ${result}${evidence === '' ? '' : ` (${evidence})`}`,
  );
  return [`${disk.name} ${disk.device} ${formatBytes(disk.bytes)} ${disk.inspection.result}`, ...found];
}

function sizeOf(disks: readonly PointDisk[]): number {
  return disks.reduce((sum, { bytes }) => sum + bytes, 0);
}

export const pointRoutes = buildRouteMap<string, Context>({ routes: { list, show }, docs: { brief: 'Look at restore points' } });
