/** A root shell in a lab guest, on a serial line: it needs neither the agent nor a disk, and works while both are blocked. */

import { once } from 'node:events';
import { createConnection } from 'node:net';

export interface ShellResult {
  status: number;
  /** Both streams, without the last newline. */
  output: string;
}

export interface GuestShell {
  /** Runs a script of sh; several run side by side. It ends when its output is closed. @throws when the guest ends first */
  run(script: string): Promise<ShellResult>;
  close(): void;
}

/** `path`: the socket of the guest's second serial line; shell() in guest/init is the other end. */
export async function openShell(path: string): Promise<GuestShell> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  const waiting = new Map<string, PromiseWithResolvers<ShellResult>>();
  let lastId = 0;
  let rest = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    for (const line of lines) receive(line);
  });
  socket.on('error', () => {});
  socket.on('close', () => waiting.forEach((each) => each.reject(new Error('the guest’s shell has gone'))));

  function receive(line: string): void {
    const [id = '', status, output = ''] = line.split(' ');
    waiting.get(id)?.resolve({ status: Number(status), output: Buffer.from(output, 'base64').toString().replace(/\n$/, '') });
    waiting.delete(id);
  }

  return {
    run(script) {
      const id = String(++lastId);
      const result = Promise.withResolvers<ShellResult>();
      waiting.set(id, result);
      socket.write(`${id} ${Buffer.from(script).toString('base64')}\n`);
      return result.promise;
    },
    close: () => void socket.destroy(),
  };
}
