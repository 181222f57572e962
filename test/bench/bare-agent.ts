/** A bare client of an agent: lines out, lines in, by a socket and nothing else. */

import { once } from 'node:events';
import { createConnection } from 'node:net';

export interface BareAgent {
  /** Writes, and resolves with the last of `count` lines. */
  ask(text: string, count?: number): Promise<string>;
  close(): void;
}

export async function bareAgent(path: string): Promise<BareAgent> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  let wanted = 0;
  let pieces: string[] = [];
  let look: (() => void) | undefined;
  let fail: (why: Error) => void = () => {};
  socket.setEncoding('latin1').on('data', (piece: string) => {
    for (let at = piece.indexOf('\n'); at >= 0; at = piece.indexOf('\n', at + 1)) wanted--;
    pieces.push(piece);
    if (wanted <= 0) look?.();
  });
  socket.on('error', () => {}).on('close', () => fail(new Error(`${path} was closed`)));
  return {
    ask(text, count = 1) {
      wanted = count;
      pieces = [];
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      fail = reject;
      look = () => resolve(pieces.join('').trimEnd().split('\n').at(-1)!);
      socket.write(text);
      return promise;
    },
    close: () => void socket.destroy(),
  };
}

export const command = (execute: string, args?: object) => `${JSON.stringify({ execute, ...(args && { arguments: args }) })}\n`;

/** What the reply holds. @throws with the error when it holds one */
export function returned<T>(line: string): T {
  const reply = JSON.parse(line.replace('\xff', '')) as { return?: T; error?: object };
  if (reply.error) throw new Error(line);
  return reply.return!;
}

/** Milliseconds that it takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
