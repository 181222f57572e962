/** The agent's wire spoken by hand: the lab is judged without the code that the lab is there to judge. */

import { once } from 'node:events';
import { createConnection } from 'node:net';

export interface RawAgent {
  /** Sends one command and returns what its reply holds. */
  execute(command: string, args?: object): Promise<unknown>;
  close(): void;
}

/** Connects and syncs: everything before the byte 0xFF that precedes the sync's reply belongs to somebody else. */
export async function connectAgent(path: string): Promise<RawAgent> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  let rest = '';
  const replies: PromiseWithResolvers<string>[] = [];
  socket.setEncoding('latin1').on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    for (const line of lines) replies.shift()?.resolve(line);
  });
  socket.on('close', () => replies.forEach((reply) => reply.reject(new Error('the channel was closed'))));

  const send = (request: object) => {
    const reply = Promise.withResolvers<string>();
    replies.push(reply);
    socket.write(`${JSON.stringify(request)}\n`);
    return reply.promise;
  };

  const id = process.hrtime()[1];
  const synced = await send({ execute: 'guest-sync-delimited', arguments: { id } });
  if (!synced.startsWith('\xff') || (JSON.parse(synced.slice(1)) as { return: number }).return !== id)
    throw new Error(`no sync: ${synced}`);
  return {
    async execute(command, args = {}) {
      const reply = JSON.parse(await send({ execute: command, arguments: args })) as { return?: unknown; error?: object };
      if (reply.error) throw new Error(JSON.stringify(reply.error));
      return reply.return;
    },
    close: () => socket.destroy(),
  };
}
