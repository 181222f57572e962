/** The peer: freeze, the same transaction, thaw, by a bare socket script. No journal, no proof, no Temporal, no code of host/. */

import { once } from 'node:events';
import { mkdir, rm, stat } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import type { LabGuest } from '../../infra/lab/guest.ts';
import { run } from '../../lib/run.ts';

/** Milliseconds from the first byte of the freeze to the reply to the thaw. */
export async function bareWindow(guest: LabGuest, directory: string): Promise<number> {
  const monitor = await connect(guest.witness);
  await monitor.line(() => true);
  await monitor.ask('qmp_capabilities');
  const agent = await connect(guest.channel);
  const id = Math.floor(Math.random() * 2 ** 40);
  agent.send({ execute: 'guest-sync-delimited', arguments: { id } });
  await agent.line((line) => line.includes(String(id)));
  await mkdir(directory, { recursive: true });
  const disks = guest.disks.map((disk, index) => ({
    node: disk.name,
    path: disk.path,
    scratch: `bare.${index}`,
    file: join(directory, `${disk.name}.qcow2`),
  }));
  for (const { node, path, scratch, file } of disks) {
    await run(['qemu-img', 'create', '-q', '-f', 'qcow2', file, String((await stat(path)).size)]);
    await monitor.ask('blockdev-add', {
      driver: 'qcow2',
      'node-name': scratch,
      backing: node,
      file: { driver: 'file', filename: file },
    });
  }
  const actions = disks.map(({ node, scratch }) => ({
    type: 'blockdev-backup',
    data: { 'job-id': `job.${scratch}`, device: node, target: scratch, sync: 'none', 'auto-dismiss': false },
  }));

  const sentMs = performance.now();
  await agent.ask('guest-fsfreeze-freeze');
  await monitor.ask('transaction', { actions });
  await agent.ask('guest-fsfreeze-thaw');
  const heldMs = performance.now() - sentMs;

  agent.end();
  for (const { scratch } of disks) {
    await monitor.ask('job-cancel', { id: `job.${scratch}` });
    await monitor.line((line) => line.includes('"concluded"') && line.includes(`job.${scratch}`));
    await monitor.ask('job-dismiss', { id: `job.${scratch}` });
    await monitor.ask('blockdev-del', { 'node-name': scratch });
  }
  monitor.end();
  await rm(directory, { recursive: true });
  return heldMs;
}

interface Peer {
  send(message: object): void;
  /** The next line that fits; lines that do not are kept for whoever asks next. @throws when the socket closes */
  line(fits: (line: string) => boolean): Promise<string>;
  /** Sends a command and waits for its return. */
  ask(execute: string, args?: object): Promise<void>;
  end(): void;
}

async function connect(path: string): Promise<Peer> {
  const socket: Socket = createConnection(path);
  await once(socket, 'connect');
  const lines: string[] = [];
  let rest = '';
  let look = () => {};
  let fail: (why: Error) => void = () => {};
  let closed: Error | undefined;
  socket.on('error', () => {}); // Its end is told by 'close'.
  socket.on('close', () => fail((closed = new Error(`${path} was closed`))));
  socket.setEncoding('latin1').on('data', (piece: string) => {
    const parts = (rest + piece).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
    look();
  });
  const peer: Peer = {
    send: (message) => void socket.write(`${JSON.stringify(message)}\n`),
    line(fits) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      fail = reject;
      look = () => {
        const at = lines.findIndex(fits);
        if (at >= 0) resolve(lines.splice(at, 1)[0]!);
      };
      look();
      if (closed) reject(closed);
      return promise;
    },
    async ask(name, args) {
      peer.send(args === undefined ? { execute: name } : { execute: name, arguments: args });
      const answer = await peer.line((line) => line.includes('"return"') || line.includes('"error"'));
      if (answer.includes('"error"')) throw new Error(`${name}: ${answer}`);
    },
    end: () => socket.destroy(),
  };
  return peer;
}
