/** `stillframe restore POINT --to DIR`: the images of a point, each proven by its hash. */

import { formatBytes } from '../../model/units.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { exit } from '../exit.ts';
import { configFlag, jsonFlag, pointArgument } from '../flags.ts';
import { printJson } from '../render/json.ts';
import { createProgress } from '../render/progress.ts';
import { renderFields } from '../render/table.ts';
import { demandProven, gradeText, originSentence, trustedKeysOf, trustFlags, type TrustFlags } from '../origin.ts';
import { openNamed, repositoryFlags, type RepositoryFlags } from '../repository.ts';

/** A terminal shows no more than this many redraws a second worth seeing. */
const redrawMs = 100;

interface Flags extends RepositoryFlags, TrustFlags {
  to: string;
  unproven?: boolean;
  json: boolean;
}

export const restore = command(
  {
    docs: {
      brief: 'Restore the disks of a point into a directory',
      fullDescription:
        'Restore the disks of a point as raw images into an empty or new directory. Each image is proven by its hash before it\ngets its name; when anything fails, or at Ctrl-C, nothing is left. Needs the repository, and the public key of the host that\nsigned the point.',
    },
    parameters: {
      flags: {
        to: { kind: 'parsed', parse: (input: string) => input, placeholder: 'DIR', brief: 'Empty or new directory' },
        unproven: {
          kind: 'boolean',
          optional: true,
          withNegated: false,
          brief: 'Take a point for which no trusted host vouches',
        },
        ...repositoryFlags,
        ...trustFlags,
        config: configFlag,
        json: jsonFlag,
      },
      positional: pointArgument,
    },
    async func(this: Context, flags: Flags, id: string) {
      const repository = await openNamed(this, flags);
      const trusted = await trustedKeysOf(this, flags);
      const point = await repository.read(id);
      const origin = await repository.origin(point, trusted);
      if (flags.unproven !== true) demandProven(point, origin);
      const { restorePoint } = await import('../../repository/restore.ts');
      const signal = this.interrupt();
      const progress = createProgress(this, () => performance.now());
      let shownMs = -redrawMs;
      const onProgress = ({ doneBytes, totalBytes, disk }: { doneBytes: number; totalBytes: number; disk: string }) => {
        if (flags.json || (performance.now() - shownMs < redrawMs && doneBytes < totalBytes)) return;
        shownMs = performance.now();
        progress.show({ stage: 'restore', bytes: { done: doneBytes, total: totalBytes, disk } });
      };
      try {
        await restorePoint(repository, point, flags.to, { onProgress, signal });
        progress.clear();
        if (flags.json) {
          const imageFiles = point.disks.map(({ file }) => file);
          return printJson(this, { point: point.id, to: flags.to, files: imageFiles, origin });
        }
        const files = point.disks.map(({ file, bytes }) => `${file} ${formatBytes(bytes)}`);
        this.process.stdout.write(
          renderFields([
            ['restored', `${point.id} of ${point.guest.name}, grade ${gradeText(point, origin)}`],
            ['origin', originSentence(point, origin)],
            ['to', flags.to],
            ['files', files.length === 0 ? 'none' : files],
          ]),
        );
      } catch (error) {
        progress.clear();
        if (!signal.aborted) throw error;
        this.process.stderr.write(`The restore was interrupted; nothing of it is left in ${flags.to}.\n`);
        this.process.exitCode = exit.interrupted;
      }
    },
  },
  ['refused', 'interrupted'],
);
