/**
 * An agent where it can do no harm: no capabilities, the uid of nobody, an empty root of its own, and its own processes, network, mounts
 * and IPC. It cannot freeze, set a clock, reboot, or start a program, whatever it is asked.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { findProgram } from '../../lib/find-program.ts';
import { run } from '../../lib/run.ts';

export interface SandboxedAgent {
  /** One connection; the agent serves one at a time. */
  connect(): Promise<Socket>;
  /** Undefined when it has gone. */
  residentKiB(): Promise<number | undefined>;
  /** Resolves when it has ended, with how, and with what it had written to standard error. */
  ended: Promise<string>;
  stop(): Promise<void>;
}

export interface Program {
  path: string;
  /** Place in the root → file here. */
  libraries: { path: string; from: string }[];
}

const nobody = 65534;

/** A file of 4 MiB is enough to be hostile with, and no core goes anywhere. */
const limits = ['--fsize=4194304', '--core=0', '--nofile=256', '--nproc=256'];

const environment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  ASAN_OPTIONS: 'detect_leaks=0:malloc_context_size=1:quarantine_size_mb=16:allocator_may_return_null=1:handle_abort=1',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
};

/** `directory` is made, and removed with the agent; a socket lies in it, so its path is to be short. */
export async function startSandboxed(program: Program, directory: string): Promise<SandboxedAgent> {
  const root = join(directory, 'root');
  const asRoot = process.getuid?.() === 0;
  await mkdir(join(root, 'proc'), { recursive: true });
  await mkdir(join(root, 'run'));
  await chmod(directory, 0o755);
  if (asRoot) await chown(join(root, 'run'), nobody, nobody);
  // Stands in for the device, which not everybody may make.
  await put('/dev/null', join(root, 'dev/null'), 0o666);
  const setpriv = (await findProgram('setpriv'))!;
  await put(program.path, join(root, 'agent'));
  await put(setpriv, join(root, 'setpriv'));
  for (const { path, from } of [...program.libraries, ...(await librariesHere(setpriv))]) await put(from, join(root, path));
  const child = spawn(
    'setpriv',
    [
      ['--pdeathsig', 'KILL', '--', 'prlimit', ...limits],
      ['unshare', ...(asRoot ? [] : ['--user', '--map-root-user'])],
      ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child=KILL', `--mount-proc=${join(root, 'proc')}`],
      ['chroot', root, '/setpriv', ...(asRoot ? [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : [])],
      // Its uid's change undoes what unshare had asked for: that it dies with its parent (prctl(2), PR_SET_PDEATHSIG).
      ['--pdeathsig', 'KILL', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', '--'],
      ['/agent', '--method=unix-listen', '--path=/run/s', '--statedir=/run'],
    ].flat(),
    { stdio: ['ignore', 'ignore', 'pipe'], env: environment },
  );
  let said = '';
  child.stderr.setEncoding('latin1').on('data', (piece: string) => (said = (said + piece).slice(-mostSaid)));
  let over = false;
  const ended = once(child, 'close').then(([code, signal]) => {
    over = true;
    return `${signal ?? `status ${code}`}\n${said}`;
  });
  return {
    async connect() {
      for (let tries = 0; ; tries++) {
        const socket = createConnection(join(root, 'run/s'));
        try {
          await once(socket, 'connect');
          return socket.on('error', () => {});
        } catch (error) {
          if (over) throw new Error(`the agent ended: ${await ended}`, { cause: error });
          if (tries === mostTries) throw error;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      }
    },
    async residentKiB() {
      const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').catch(() => '');
      const status = await readFile(`/proc/${children.trim()}/status`, 'latin1').catch(() => '');
      const found = /^VmRSS:\s+(\d+)/m.exec(status);
      return found ? Number(found[1]) : undefined;
    },
    ended,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Reports of sanitizers are a few kilobytes long. */
const mostSaid = 64 * 1024;
/** The sanitizers' start takes a while on a busy machine. */
const mostTries = 1500;

/** What the loader of this machine gives a program (ldd(1)); none for a static one. */
export async function librariesHere(path: string): Promise<Program['libraries']> {
  const listed = await run(['ldd', path]).catch(() => '');
  return [...listed.matchAll(/(?:=> |^\s)(\/\S+) \(0x/gm)].map(([, from]) => ({ path: from!, from: from! }));
}

async function put(from: string, to: string, mode = 0o755): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await writeFile(to, await readFile(from));
  await chmod(to, mode);
}
