/** One QEMU process: its command line, its life, its end. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

export interface MachineOptions {
  accelerator: 'kvm' | 'tcg';
  kernel: string;
  initrd: string;
  /** Words for the guest's init. */
  words: string[];
  uuid: string;
  disks: { path: string; readOnly?: boolean }[];
  /** Socket → name of the virtio-serial port that it leads to. */
  ports: { path: string; name: string }[];
  /** Socket of the second serial line. */
  shell?: string;
  monitors: string[];
  /** A memory snapshot to start from. */
  incoming?: string;
  extra?: string[];
}

export interface Machine {
  pid: number;
  console: Readable;
  /** Resolves when the process has ended, with how. */
  ended: Promise<string>;
  /** Ends it at once: a lab guest has nothing to lose. */
  kill(): Promise<void>;
}

/** The least that Debian's kernel, perl and a few hundred small files are comfortable in. */
const memoryMiB = 384;

/** Kernel words that make a guest boot in two seconds under emulation; none of them changes file systems or freezing. */
const quickBoot = 'console=ttyS0 quiet panic=-1 cryptomgr.notests nokaslr mitigations=off';

export function startMachine(options: MachineOptions): Machine {
  const { disks, monitors, extra = [] } = options;
  const args = [
    '-M',
    'q35',
    '-accel',
    options.accelerator,
    '-cpu',
    'max',
    '-m',
    String(memoryMiB),
    '-smp',
    '1',
    '-nodefaults',
    '-nic',
    'none',
    '-display',
    'none',
    '-no-reboot',
    '-uuid',
    options.uuid,
    '-kernel',
    options.kernel,
    '-initrd',
    options.initrd,
    '-append',
    `${quickBoot} ${options.words.join(' ')}`,
    '-serial',
    'stdio',
    '-monitor',
    'none',
    ...monitors.flatMap((path) => ['-qmp', `unix:${path},server=on,wait=off`]),
    ...disks.flatMap(({ path, readOnly = false }, index) => [
      '-blockdev',
      // No flushes to the host's disk: a lab guest outlives its QEMU only in the page cache, and a busy disk would measure itself.
      `driver=raw,node-name=disk${index},cache.no-flush=on,read-only=${readOnly ? 'on' : 'off'},file.driver=file,file.cache.no-flush=on,file.filename=${path}`,
      '-device',
      `virtio-blk-pci,drive=disk${index},id=vd${index}`,
    ]),
    ...(options.shell ? ['-serial', `unix:${options.shell},server=on,wait=off`] : []),
    '-device',
    'virtio-serial-pci',
    ...options.ports.flatMap(({ path, name }, index) => [
      '-chardev',
      `socket,path=${path},server=on,wait=off,id=port${index}`,
      // Without an id QEMU does not report when the agent opens its port.
      '-device',
      `virtserialport,chardev=port${index},name=${name},id=port${index}`,
    ]),
    ...(options.incoming ? ['-incoming', `exec:cat '${options.incoming}'`] : []),
    ...extra,
  ];
  // A guest must not outlive the process that started it, however that ends (prctl(2), PR_SET_PDEATHSIG).
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = endOf(child);
  return {
    pid: child.pid!,
    console: child.stdout,
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function endOf(child: ChildProcess): Promise<string> {
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (piece: string) => (said = (said + piece).slice(-2000)));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return `${signal ?? `status ${code}`}${said === '' ? '' : `: ${said.trim()}`}`;
}
