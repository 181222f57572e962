/** `stillframe repository init`: makes a repository of an empty directory. A backup never does: the directory may be a missing mount. */

import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { configFlag, jsonFlag } from '../../flags.ts';
import { printJson } from '../../render/json.ts';
import { pathOf, repositoryFlags, type RepositoryFlags } from '../../repository.ts';

export const repositoryInit = command({
  docs: {
    brief: 'Make a repository of an absent or empty directory',
    fullDescription:
      "Make a repository of an absent or empty directory, readable by its owner alone. Name the directory with --path, or with\n--repository as the host's file names it. Backups never make one: the directory could be a mount point without its disk.",
  },
  parameters: { flags: { ...repositoryFlags, config: configFlag, json: jsonFlag } },
  async func(this: Context, flags: RepositoryFlags & { json: boolean }) {
    const { createRepository } = await import('../../../repository/points.ts');
    const { directory, id } = await createRepository(await pathOf(this, flags));
    if (flags.json) return printJson(this, { directory, id });
    this.process.stdout.write(`${directory} is a repository now, with id ${id}\n`);
  },
});
