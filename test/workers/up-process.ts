/** `stillframe up` and workers as processes of a test: started as any user, read line by line, ended with the test. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findTemporal } from '../../infra/temporal/find.ts';
import { run } from '../../lib/run.ts';
import { makeFolder } from '../support/folder.ts';

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningEntry {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves when `text` has been printed. @throws when the process ends without it */
  printed(text: string): Promise<void>;
  /** Ends it in order. */
  stop(): Promise<Ended>;
}

export interface EntryOptions {
  user?: Stranger;
  env?: NodeJS.ProcessEnv;
}

export function startEntry(
  undo: AsyncDisposableStack,
  entry: string,
  args: string[],
  { user, env = {} }: EntryOptions = {},
): RunningEntry {
  const path = join(import.meta.dirname, '../../workers', entry);
  const as = user?.name === undefined ? [] : ['setpriv', '--reuid', user.name, '--clear-groups', '--'];
  const [program, ...rest] = [...as, process.execPath, path, ...args];
  const { TEMPORAL_ADDRESS: _, ...inherited } = process.env;
  const child = spawn(program!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...(user ? { HOME: user.directory } : {}), ...env },
  });
  const said = { stdout: '', stderr: '' };
  const lookers = new Set<() => void>();
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (piece: string) => {
      said[stream] += piece;
      lookers.forEach((look) => look());
    });
  }
  const ended = once(child, 'close').then(([status]: unknown[]) => ({ ...said, status: status as number | null }));
  const stop = async () => {
    child.kill('SIGTERM');
    return ended;
  };
  undo.defer(async () => void (await stop()));
  return {
    child,
    ended,
    stop,
    async printed(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => (said.stdout + said.stderr).includes(text) && resolve();
      lookers.add(look);
      void ended.then((result) => reject(new Error(`ended without ${JSON.stringify(text)}: ${JSON.stringify(result)}`)));
      look();
      await promise;
      lookers.delete(look);
    },
  };
}

export interface Stranger {
  /** Undefined where the test cannot become another user, or no other user may read these sources. */
  name: string | undefined;
  /** Of this user alone. */
  directory: string;
}

/** A user who has nothing to do with the one who runs the tests. */
export async function stranger(undo: AsyncDisposableStack): Promise<Stranger> {
  const directory = await makeTemporary(undo);
  if (process.getuid!() !== 0) return { name: undefined, directory };
  const id = Number(await run(['id', '-u', 'nobody']));
  const sources = join(import.meta.dirname, '../../workers/up.ts');
  const readable = await run(['setpriv', '--reuid', 'nobody', '--clear-groups', 'head', '-qc1', sources, process.execPath]).then(
    () => true,
    () => false,
  );
  if (!readable) return { name: undefined, directory };
  await chown(directory, id, id);
  return { name: 'nobody', directory };
}

/** The environment in which this user finds the server program, which may stand in the cache of the one who runs the tests. */
export async function withTemporal({ directory }: Stranger): Promise<NodeJS.ProcessEnv> {
  const own = join(directory, 'bin/temporal');
  await mkdir(dirname(own));
  await copyFile(await findTemporal(), own);
  await Promise.all([dirname(own), own].map((path) => chmod(path, 0o755)));
  return { PATH: `${dirname(own)}:${process.env.PATH}` };
}

/** Removed when everything that was started later has ended. */
export async function makeTemporary(undo: AsyncDisposableStack): Promise<string> {
  const directory = await makeFolder();
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
