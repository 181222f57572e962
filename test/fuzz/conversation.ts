/** One connection to an agent under fire: a batch goes in, and everything up to the answer to its closing sync comes out. */

import type { Socket } from 'node:net';
import { withDeadline } from '../../lib/deadline.ts';
import type { Random } from './random.ts';

export interface Conversation {
  /**
   * Sends the batch in pieces, closes whatever it left open, and syncs. Resolves with the answers before the sync's own, one line each.
   * @throws Broken
   */
  send(batch: Buffer, random: Random): Promise<string[]>;
}

/** The agent has not kept what it promises; the message says how. */
export class Broken extends Error {
  override readonly name = 'Broken';
}

/** No batch takes a hundredth of it on an idle machine. */
const hangMs = 60_000;

/** A control character ends any token and any message, and unlike 0xFF it lets what was asked before be answered. */
const closing = '\x01';

/** `check` judges each line; of a peer nothing is asked. @throws Broken */
export function converse(socket: Socket, check: (line: string) => void = checkLine): Conversation {
  let pieces: Buffer[] = [];
  let look = () => {};
  let fail: (why: Error) => void = () => {};
  let closed = false;
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece);
    look();
  });
  socket.on('close', () => {
    closed = true;
    fail(new Broken('it closed the connection'));
  });

  function answered(id: number, before: string): Promise<string> {
    const end = Buffer.from(`\xff{"return": ${id}}\n`, 'latin1');
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    fail = reject;
    look = () => {
      // The end may lie across two pieces, but never ends before the last one does.
      const tail = Buffer.concat(pieces.slice(-2));
      if (!tail.subarray(-end.length).equals(end) && !(pieces.length > 2 && joined().subarray(-end.length).equals(end))) return;
      const all = joined();
      pieces = [];
      resolve(all.subarray(0, all.length - end.length).toString('latin1'));
    };
    if (closed) fail(new Broken('it closed the connection'));
    return withDeadline(promise, hangMs, () => new Broken(`no answer within ${hangMs / 1000} s to ${before}`));
  }

  function joined(): Buffer {
    if (pieces.length > 1) pieces = [Buffer.concat(pieces)];
    return pieces[0] ?? Buffer.alloc(0);
  }

  return {
    async send(batch, random) {
      const id = newId(random);
      const answer = answered(id, 'a sync after the batch');
      writeInPieces(socket, batch, random);
      socket.write(`${closing}{"execute":"guest-sync-delimited","arguments":{"id":${id}}}\n`);
      const text = await answer.catch(async (error: unknown) => {
        if (closed || !(error instanceof Broken)) throw error;
        const again = newId(random);
        const late = answered(again, 'a sync after 0xFF either: it hangs');
        socket.write(Buffer.from(`\xff{"execute":"guest-sync-delimited","arguments":{"id":${again}}}\n`, 'latin1'));
        await late;
        throw new Broken('a sync was lost: only one after 0xFF is answered');
      });
      const lines = text.split('\n');
      if (lines.pop() !== '') throw new Broken(`it answered with half a line: ${JSON.stringify(text.slice(-200))}`);
      lines.forEach(check);
      return lines;
    },
  };
}

function newId(random: Random): number {
  return 2 ** 52 + random.below(2 ** 31);
}

function writeInPieces(socket: Socket, batch: Buffer, random: Random): void {
  const cuts = Array.from({ length: random.below(8) }, () => random.below(batch.length + 1)).toSorted((a, b) => a - b);
  let from = 0;
  for (const cut of [...cuts, batch.length]) {
    if (cut > from) socket.write(batch.subarray(from, cut));
    from = cut;
  }
}

/** Every line is one answer, in ASCII, that any JSON parser reads; 0xFF may stand in front of a sync's. */
function checkLine(line: string): void {
  const body = line.startsWith('\xff') ? line.slice(1) : line;
  const shown = JSON.stringify(line.slice(0, 200));
  if (!/^[\x20-\x7e]*$/.test(body)) throw new Broken(`it answered with bytes that are not ASCII: ${shown}`);
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    throw new Broken(`it answered with what is not JSON: ${shown}`);
  }
  if (typeof answer !== 'object' || answer === null || !('return' in answer || 'error' in answer))
    throw new Broken(`it answered with neither a return nor an error: ${shown}`);
}
