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
import { openNamed } from '../../repository.ts';
import { pointFlags, type PointFlags } from './flags.ts';

export const pointList = command({
  docs: {
    brief: 'List the restore points of a repository, oldest first',
    fullDescription:
      'List the restore points of a repository, oldest first. It needs the repository and nothing else: no server, no host.\nPoints whose manifest is damaged are named on stderr, and the exit status is 1.',
  },
  parameters: { flags: pointFlags },
  async func(this: Context, given: PointFlags) {
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

function sizeOf(disks: readonly PointDisk[]): number {
  return disks.reduce((sum, { bytes }) => sum + bytes, 0);
}
