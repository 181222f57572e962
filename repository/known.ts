/** Which repository a host had under each name: a disk that is not mounted, or another one in its place, is not backed up into. */

import { join } from 'node:path';
import { makeDirectory, readJson, removeDurably, writeJson } from '../lib/durable.ts';
import { isStillframeError, StillframeError } from '../model/errors.ts';
import { openRepository, type Repository } from './points.ts';

export interface KnownRepositories {
  /** The first time a name is opened, its repository is remembered. @throws repository-missing, repository-changed, repository-unwritable */
  open(name: string, path: string): Promise<Repository>;
  /** The next one that stands there is accepted. */
  forget(name: string): Promise<void>;
}

/** One file a name, so that names do not disturb one another. */
export function openKnownRepositories(stateDir: string): KnownRepositories {
  const directory = join(stateDir, 'repositories');
  const file = (name: string) => join(directory, `${encodeURIComponent(name)}.json`);
  return {
    async open(name, path) {
      const repository = await openRepository(path).catch((error: unknown) => {
        throw isStillframeError(error, 'repository-unknown') ? missing(name, path, error) : error;
      });
      const known = ((await readJson(file(name))) as { id: string } | undefined)?.id;
      if (known === undefined) {
        await makeDirectory(directory);
        await writeJson(file(name), { id: repository.id });
      } else if (known !== repository.id) throw changed(name, path, repository.id, known);
      return repository;
    },
    forget: (name) => removeDurably(file(name)),
  };
}

/** Opens the repositories of a host by the names that its file gives them. */
export type RepositoryNamed = (name: string) => Promise<Repository>;

/** @throws repository-unknown, and what `known.open` throws */
export function repositoriesOf(paths: Readonly<Record<string, string>>, known: KnownRepositories): RepositoryNamed {
  return async (name) => {
    const path = Object.hasOwn(paths, name) ? paths[name] : undefined;
    if (path !== undefined) return known.open(name, path);
    const names = Object.keys(paths).join(', ') || 'none';
    throw new StillframeError('repository-unknown', `this host has no repository named ${name}; its file names: ${names}`, {
      repository: name,
    });
  };
}

function missing(name: string, path: string, cause: StillframeError): StillframeError {
  return new StillframeError(
    'repository-missing',
    `repository ${name} of this host cannot be used: ${cause.message}`,
    { repository: name, path },
    cause,
  );
}

function changed(name: string, path: string, id: string, known: string): StillframeError {
  return new StillframeError(
    'repository-changed',
    `${path} holds repository ${id}, and this host has known ${known} under the name ${name}: mount that one, or accept the new one with "stillframe repository forget ${name}" on this host`,
    { repository: name, path },
  );
}
