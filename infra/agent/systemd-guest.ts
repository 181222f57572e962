/** A Debian guest with systemd, to install the agent's package in: both ports, a monitor, and root's shell. */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { run } from '../../host/run.ts';
import { accelerator } from '../lab/accelerator.ts';
import { copyDisk } from '../lab/disks.ts';
import { ensurePackages } from '../lab/packages.ts';
import { guestParts } from '../lab/parts.ts';
import { startMachine, type Machine } from '../lab/qemu.ts';
import { systemdImage } from './systemd-image.ts';

export interface SystemdGuest {
  /** Socket of org.qemu.guest_agent.0. */
  channel: string;
  /** Socket of org.stillframe.agent.0. */
  ownChannel: string;
  monitor: string;
  /** Runs a shell command as root; what it printed, both streams together. @throws when it fails */
  shell(command: string): Promise<string>;
  stop(): Promise<void>;
}

export interface SystemdGuestOptions {
  /** For sockets and disk. */
  directory: string;
  /** Put into /root of the guest: name there → path here. */
  files: Record<string, string>;
}

/** Resolves when the shell answers: udev and the basic system are up. */
export async function startSystemdGuest({ directory, files }: SystemdGuestOptions): Promise<SystemdGuest> {
  await ensurePackages();
  const [parts, image] = await Promise.all([guestParts(), systemdImage()]);
  const home = join(directory, 'systemd');
  await mkdir(home, { recursive: true });
  const at = (name: string) => join(home, name);
  await copyDisk(image.disk, at('root.raw'));
  for (const [name, from] of Object.entries(files)) await putFile(at('root.raw'), from, `/root/${name}`, home);
  await writeFile(at('initrd'), Buffer.concat([await readFile(parts.initrd), image.initrd]));
  const machine = startMachine({
    accelerator: await accelerator(parts),
    kernel: parts.kernel,
    initrd: at('initrd'),
    words: ['rw', 'systemd.mask=serial-getty@ttyS0.service', 'systemd.mask=getty@tty1.service'],
    uuid: randomUUID(),
    disks: [{ path: at('root.raw') }],
    channel: at('channel.sock'),
    monitors: [at('monitor.sock')],
    extra: [
      ...['-chardev', `socket,path=${at('own.sock')},server=on,wait=off,id=own`],
      ...['-device', 'virtserialport,chardev=own,name=org.stillframe.agent.0,id=own-port'],
      ...['-chardev', `socket,path=${at('shell.sock')},server=on,wait=off,id=shell`, '-serial', 'chardev:shell'],
    ],
  });
  let said = '';
  machine.console.on('data', (piece: string | Buffer) => (said = (said + String(piece)).slice(-4000)));
  const stop = async () => {
    await machine.kill();
    await rm(home, { recursive: true, force: true });
  };
  try {
    const shell = await openShell(at('shell.sock'), machine, () => said);
    return { channel: at('channel.sock'), ownChannel: at('own.sock'), monitor: at('monitor.sock'), shell, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Into an ext4 image that is not mounted; debugfs(8) takes commands that know no quotes. */
async function putFile(image: string, from: string, to: string, home: string): Promise<void> {
  const plain = join(home, 'put');
  await copyFile(from, plain);
  await run('debugfs', ['-w', '-R', `write ${plain} ${to}`, image]);
  await rm(plain);
}

async function openShell(path: string, machine: Machine, said: () => string): Promise<SystemdGuest['shell']> {
  const socket = await connect(path);
  let rest = '';
  let look: () => unknown = () => {};
  let fail: (error: Error) => void = () => {};
  socket.setEncoding('utf8').on('data', (piece: string) => {
    rest += piece;
    look();
  });
  void machine.ended.then((why) => fail(new Error(`the guest ended (${why}); its console said: ${said()}`)));
  let before: Promise<unknown> = Promise.resolve();

  function ask(command: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const mark = `end-${randomUUID()}`;
    fail = reject;
    look = () => {
      const end = new RegExp(`${mark} (\\d+)\n`).exec(rest);
      if (!end) return;
      const output = rest.slice(0, end.index);
      rest = '';
      if (end[1] === '0') resolve(output.trim());
      else reject(new Error(`in the guest, ${command} ended with ${end[1]}: ${output.trim()}`));
    };
    socket.write(`( ${command}\n) </dev/null 2>&1; echo ${mark} $?\n`);
    return promise;
  }

  const shell = (command: string) => {
    const answer = before.then(() => ask(command));
    before = answer.catch(() => {});
    return answer;
  };
  // What is sent before the shell opens its terminal is lost.
  const ready = Promise.withResolvers<void>();
  fail = ready.reject;
  look = () => rest.includes('ready\n') && ready.resolve();
  await ready.promise;
  rest = '';
  await shell('udevadm settle');
  return shell;
}

/** QEMU makes its sockets by and by, and nothing tells when. */
async function connect(path: string): Promise<Socket> {
  for (let tries = 1; ; tries++) {
    const socket = createConnection(path);
    try {
      await once(socket, 'connect');
      return socket.on('error', () => {});
    } catch (error) {
      if (tries === mostTries) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

const mostTries = 500;
