/** A unix socket that serves one client at a time, as QEMU's do, in a directory of its own. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { makeFolder } from '../support/folder.ts';

export interface OneClientSocket {
  path: string;
  /** Ends the listener and its client, and removes the directory. */
  stop(): Promise<void>;
}

/** `serve` is called for each client once the one before has gone. */
export async function listenForOneClient(serve: (client: Socket) => void): Promise<OneClientSocket> {
  const directory = await makeFolder();
  const path = join(directory, 'socket');
  const acceptor = fork(join(import.meta.dirname, 'one-client-acceptor.ts'), [path], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc'],
  });
  const exited = once(acceptor, 'exit');
  const gate = acceptor.stdio[3] as Writable;
  // The acceptor may end first; no client waits then.
  gate.on('error', () => {});
  let current: Socket | undefined;
  acceptor.on('message', (message, client) => {
    if (message !== 'client') return;
    current = client as Socket;
    // A client that goes in the middle of an answer is what many tests are about.
    current.on('error', () => {});
    current.on('close', () => gate.write('.'));
    serve(current);
    current.resume();
  });
  await once(acceptor, 'message');
  return {
    path,
    async stop() {
      acceptor.kill('SIGKILL');
      await exited;
      current?.destroy();
      gate.destroy();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
