/** Child processes by node:child_process. */

import { spawn } from 'node:child_process';
import { accessSync, constants as files, statSync } from 'node:fs';
import { constants } from 'node:os';
import { EACCES, ENOENT } from '../../core/errno.ts';
import type { Child, ChildEnd, Children, SpawnRequest } from '../../core/platform.ts';
import { systemError } from './system-error.ts';

export const children: Children = {
  spawn(request, events): Child {
    const { argv, capture, environment, input, newSession } = request;
    const program = findProgram(request.programs);
    const merged = capture === 'merged';
    const out = merged || capture === 'stdout' || capture === 'separated' ? 'pipe' : 'ignore';
    const err = capture === 'stderr' || capture === 'separated' ? 'pipe' : 'ignore';
    const child = spawn(merged ? bash : program, merged ? ['-c', intoOnePipe, program, ...argv] : argv.slice(1), {
      ...(!merged && { argv0: argv[0]! }),
      ...(environment && { env: recordOf(environment) }),
      stdio: [input ? 'pipe' : 'ignore', out, err],
      detached: newSession === true,
    });
    // Node reports most failures to start later, when the client could not be answered any more; the foreseeable ones were checked above.
    if (child.pid === undefined) {
      child.on('error', () => {});
      throw systemError(ENOENT);
    }
    const { pid } = child;
    child.stdout?.on('data', (bytes: Buffer) => events.output?.('out', bytes));
    child.stderr?.on('data', (bytes: Buffer) => events.output?.('err', bytes));
    child.on('exit', (code, signal) => events.exited?.(endOf(code, signal)));
    child.on('close', (code, signal) => events.closed?.(endOf(code, signal)));
    // It may end without having read its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return {
      pid,
      kill(signal) {
        try {
          process.kill(newSession ? -pid : pid, signal);
        } catch {
          // It has ended.
        }
      },
      release() {
        child.stdout?.destroy();
        child.stderr?.destroy();
      },
    };
  },
};

/** Node gives a child no stream twice; the shell does. It keeps the program's name. */
const bash = '/bin/bash';
const intoOnePipe = 'exec -a "$1" "$0" "${@:2}" 2>&1';

function findProgram(programs: readonly string[]): string {
  let refused = false;
  for (const program of programs) {
    try {
      if (statSync(program).isFile()) {
        accessSync(program, files.X_OK);
        return program;
      }
      refused = true;
    } catch (error) {
      refused ||= (error as NodeJS.ErrnoException).code === 'EACCES';
    }
  }
  throw systemError(refused ? EACCES : ENOENT);
}

function recordOf(environment: SpawnRequest['environment'] & object): Record<string, string> {
  return Object.fromEntries(
    environment.map((entry) => {
      const equals = entry.indexOf('=');
      return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

function endOf(code: number | null, signal: NodeJS.Signals | null): ChildEnd {
  return signal === null ? { code: code ?? 0 } : { signal: constants.signals[signal] };
}
