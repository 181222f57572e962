/** A proxy on a monitor's socket that holds one named command back: it keeps a window open for as long as a drill needs. */

import { rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';

export interface MonitorProxy {
  path: string;
  /** Holds the next `command` back. `seen` resolves when it is there; `release` passes it on, and everything behind it. */
  hold(command: string): { seen: Promise<void>; release(): void };
  /** Cuts every connection; how many there were. */
  cut(): number;
  close(): Promise<void>;
}

interface Hold {
  command: string;
  seen: PromiseWithResolvers<void>;
  released: PromiseWithResolvers<void>;
}

/** Listens on `path` and passes everything on to the monitor at `target`; what is held when its client leaves is dropped. */
export async function startMonitorProxy(path: string, target: string): Promise<MonitorProxy> {
  let hold: Hold | undefined;
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();

  const server = createServer((client) => {
    const qemu = createConnection(target);
    clients.add(client);
    client.on('close', () => clients.delete(client));
    for (const [socket, other] of [
      [client, qemu],
      [qemu, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    qemu.pipe(client);
    let rest = '';
    let passing = Promise.resolve();
    client.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (rest + piece).split('\n');
      rest = lines.pop()!;
      for (const line of lines) passing = passing.then(() => pass(line, qemu));
    });
  });

  async function pass(line: string, qemu: Socket): Promise<void> {
    if (hold && line.includes(`"execute": "${hold.command}"`)) {
      const held = hold;
      hold = undefined;
      held.seen.resolve();
      await held.released.promise;
    }
    if (!qemu.destroyed) qemu.write(`${line}\n`);
  }

  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(path, resolve);
  await promise;
  return {
    path,
    hold(command) {
      const held: Hold = { command, seen: Promise.withResolvers(), released: Promise.withResolvers() };
      hold = held;
      return { seen: held.seen.promise, release: () => held.released.resolve() };
    },
    cut() {
      const { size } = clients;
      clients.forEach((client) => client.destroy());
      return size;
    },
    async close() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((done) => server.close(done));
      await rm(path, { force: true });
    },
  };
}
