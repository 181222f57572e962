/** guest-exec: starts a program as GLib's g_spawn_async(3) would for qemu-ga; answers its pid. */

import type { Command } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { SystemError, type SpawnRequest } from '../platform.ts';
import { decodeBase64 } from '../system/base64.ts';
import { findDoubtful, whenReachable } from '../system/reach.ts';
import { withoutNul } from '../system/call-errors.ts';

const modes = ['none', 'stdout', 'stderr', 'separated', 'merged'] satisfies SpawnRequest['capture'][];

export const exec: Command = {
  takes: {
    path: { type: 'string' },
    arg: { type: 'strings', optional: true },
    env: { type: 'strings', optional: true },
    'input-data': { type: 'string', optional: true },
    'capture-output': { type: 'alternate', name: 'GuestExecCaptureOutput', scalar: 'boolean', words: modes, optional: true },
  },
  run({ platform, log, processes }, args) {
    const path = withoutNul('path', args.path as string);
    const argv = [path, ...((args.arg ?? []) as string[])].map((each, index) => withoutNul(`arg[${index - 1}]`, each));
    const environment = (args.env as string[] | undefined)?.map((each, index) => withoutNul(`env[${index}]`, each));
    log.audit(`guest-exec called: "${argv.join(' ')}"`);
    const input = args['input-data'] as string | undefined;
    const programs = candidates(path, environment ?? entriesOf(platform.process.environment));
    const failed = `Failed to execute child process “${path}”`;
    const start = () => {
      try {
        const pid = processes.start({
          programs,
          argv,
          ...(environment && { environment }),
          ...(input !== undefined && { input: decodeBase64(platform, input) }),
          capture: captureOf(args['capture-output'] as boolean | SpawnRequest['capture'] | undefined),
        });
        return { pid };
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        throw new CommandError(`${failed} (${error.message})`);
      }
    };
    return whenReachable(platform, findDoubtful(platform, programs), failed, start);
  },
};

function captureOf(wanted: boolean | SpawnRequest['capture'] | undefined): SpawnRequest['capture'] {
  if (typeof wanted === 'string') return wanted;
  return wanted ? 'separated' : 'none';
}

/** GLib's, for an environment without PATH. */
const defaultPath = '/bin:/usr/bin:.';

/** A name without a slash is searched for in PATH, where an empty entry is the working directory. */
function candidates(path: string, environment: readonly string[]): string[] {
  if (path === '' || path.includes('/')) return [path];
  const directories = environment.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? defaultPath;
  return directories.split(':').map((directory) => (directory === '' ? path : `${directory}/${path}`));
}

const entriesOf = (environment: Readonly<Record<string, string>>) =>
  Object.entries(environment).map(([name, value]) => `${name}=${value}`);
