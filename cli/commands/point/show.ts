/** `stillframe point show POINT`: one restore point; needs the repository and nothing else. */

import type { PointDisk } from '../../../model/point/point.ts';
import { formatBytes } from '../../../model/units.ts';
import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { pointArgument } from '../../flags.ts';
import { printJson } from '../../render/json.ts';
import { renderFields } from '../../render/table.ts';
import { formatTime } from '../../render/text.ts';
import { reasonField, windowFields } from '../../render/window.ts';
import { exit } from '../../exit.ts';
import { gradeText, originSentence, trustedKeysOf } from '../../origin.ts';
import { openNamed } from '../../repository.ts';
import { pointFlags, type PointFlags } from './flags.ts';

export const pointShow = command({
  docs: { brief: 'Show one restore point: grade, reasons, disks, window' },
  parameters: { flags: pointFlags, positional: pointArgument },
  async func(this: Context, given: PointFlags, id: string) {
    const repository = await openNamed(this, given);
    const trusted = await trustedKeysOf(this, given);
    const point = await repository.read(id);
    const origin = await repository.origin(point, trusted);
    if (origin.kind === 'altered') this.process.exitCode = exit.error;
    if (given.json) return printJson(this, { ...point, origin });
    this.process.stdout.write(
      renderFields([
        ['restore point', point.id],
        ['guest', `${point.guest.name} (${point.guest.id}) on ${point.host}`],
        ['committed', formatTime(point.committedAt)],
        ['origin', originSentence(point, origin)],
        ['grade', gradeText(point, origin)],
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
