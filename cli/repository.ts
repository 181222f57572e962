/** The repository that a command means: a directory by itself, or a name in the host's file. */

import { isStillframeError, StillframeError } from '../model/errors.ts';
import { didYouMean } from '../model/near.ts';
import type { Repository } from '../repository/points.ts';
import type { Context } from './context.ts';
import { configOf, repositoryFlag } from './flags.ts';

export const repositoryFlags = {
  repository: repositoryFlag,
  path: {
    kind: 'parsed',
    parse: (input: string) => input,
    optional: true,
    placeholder: 'DIR',
    brief: "Repository by its directory; needs no host's file",
  },
} as const;

export interface RepositoryFlags {
  repository?: string;
  path?: string;
  config?: string;
}

/** @throws repository-unknown, input-invalid, config-invalid */
export async function openNamed(context: Context, flags: RepositoryFlags): Promise<Repository> {
  const { openRepository } = await import('../repository/points.ts');
  return openRepository(await pathOf(context, flags));
}

/** The directory of the repository. @throws repository-unknown, input-invalid, config-invalid */
export async function pathOf(context: Context, flags: RepositoryFlags): Promise<string> {
  if (flags.path !== undefined && flags.repository !== undefined) {
    throw new StillframeError('input-invalid', '--path and --repository name one thing twice: give one of them', {});
  }
  if (flags.path !== undefined) return flags.path;
  const { readHostConfig } = await import('../config/host-file.ts');
  const file = configOf(context, flags.config);
  const { repositories } = await readHostConfig(file).catch((error: unknown) => {
    if (!isStillframeError(error, 'config-invalid')) throw error;
    throw new StillframeError(error.code, `${error.message}; or name the directory of the repository with --path`, error.facts);
  });
  const name = chooseRepository(flags.repository, Object.keys(repositories), file);
  return repositories[name]!;
}

/** The named one, or the only one. @throws repository-unknown, input-invalid when there is a choice to make */
export function chooseRepository(wanted: string | undefined, known: readonly string[], where: string): string {
  if (wanted !== undefined) {
    if (known.includes(wanted)) return wanted;
    const has = known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`;
    throw new StillframeError(
      'repository-unknown',
      `${where} has no repository ${JSON.stringify(wanted)}.${didYouMean(wanted, known)} For now ${has}`,
      { repository: wanted },
    );
  }
  if (known.length === 1) return known[0]!;
  throw known.length === 0
    ? new StillframeError('repository-unknown', `${where} has no repository: add one to "repositories" in the host's file`, {})
    : new StillframeError(
        'input-invalid',
        `${where} has several repositories: choose one of ${known.join(', ')} with --repository`,
        {},
      );
}
