/** `stillframe point list`: what a repository holds; needs the repository and nothing else. */

import type { PointDisk } from '../../../model/point/point.ts';
import { formatBytes } from '../../../model/units.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { exit } from '../../exit.ts';
import { printJson } from '../../render/json.ts';
import { renderTable } from '../../render/table.ts';
import { escapeText } from '../../../lib/escape.ts';
import { formatTime } from '../../render/text.ts';
import { originText, trustedKeysOf } from '../../origin.ts';
import { openNamed } from '../../repository.ts';
import { pointFlags, type PointFlags } from './flags.ts';

export const pointList = command({
  docs: {
    brief: 'List the restore points of a repository, oldest first',
    fullDescription:
      'List the restore points of a repository, oldest first. It needs the repository and nothing else: no server, no host.\nORIGIN is the host that signed a point, by the keys that are trusted here. Points whose manifest is damaged are named on\nstderr, and the exit status is 1; so it is when a manifest was altered.',
  },
  parameters: { flags: pointFlags },
  async func(this: Context, given: PointFlags) {
    const repository = await openNamed(this, given);
    const trusted = await trustedKeysOf(this, given);
    const { points, damaged } = await repository.list();
    const origins = await Promise.all(points.map((point) => repository.origin(point, trusted)));
    for (const { problem } of damaged) this.process.stderr.write(`stillframe: ${escapeText(problem)}\n`);
    if (damaged.length > 0 || origins.some(({ kind }) => kind === 'altered')) this.process.exitCode = exit.error;
    if (given.json)
      return printJson(
        this,
        points.map((point, index) => ({ ...point, origin: origins[index] })),
      );
    const rows = points.map((point, index) => [
      point.id,
      point.guest.name,
      formatTime(point.pointInTimeAt),
      point.grade,
      originText(origins[index]!),
      String(point.disks.length),
      formatBytes(sizeOf(point.disks)),
      point.reasons.join('; '),
    ]);
    const width = this.isTTY ? this.columns : undefined;
    this.process.stdout.write(
      renderTable(['POINT', 'GUEST', 'POINT IN TIME', 'GRADE', 'ORIGIN', 'DISKS', 'SIZE', 'REASONS'], rows, { width }),
    );
  },
});

function sizeOf(disks: readonly PointDisk[]): number {
  return disks.reduce((sum, { bytes }) => sum + bytes, 0);
}
