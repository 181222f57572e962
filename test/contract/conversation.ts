/** Puts one vector to an agent and returns its answers, freed of what differs from one moment to the next. */

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { leave, type Vector } from './vectors.ts';

/**
 * The lines of all answers, in their order; byte for byte when `exact`, else without the order of members, which means nothing.
 * `guestNoticed` resolves when the guest has seen that a client has gone.
 */
export async function converse(
  path: string,
  [, ...steps]: Vector,
  exact: boolean,
  guestNoticed: () => Promise<unknown>,
): Promise<string[]> {
  let client = await connect(path);
  try {
    await exchange(client, '');
    const answers: string[] = [];
    let returned = '0';
    for (const step of steps) {
      if (step.endsWith(leave)) {
        // The reply shows that the agent has read the bytes behind the sync too: they came in one piece.
        await exchange(client, '', step.slice(0, -leave.length));
        await client.close();
        await guestNoticed();
        client = await connect(path);
        continue;
      }
      let lines: string[];
      do lines = await exchange(client, step.replaceAll('@', returned));
      while (lines[0] === '{"return": {"exited": false}}');
      returned = /^\{"return": (?:\{"pid": )?(\d{2,})\}/.exec(lines[0] ?? '')?.[1] ?? returned;
      answers.push(...lines.map((each) => settled(each, step, exact)));
    }
    return counted(answers);
  } finally {
    await client.close();
  }
}

interface Client {
  socket: Socket;
  line(): Promise<string>;
  close(): Promise<unknown>;
}

async function connect(path: string): Promise<Client> {
  const socket = createConnection(path);
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  return { socket, line: lineReader(socket), close: () => (socket.destroy(), closed) };
}

let lastId = 1_000_000;

/** A sync behind `bytes` shows where their replies end: a newline first, so that half a token does not absorb it. `behind` follows the sync. */
async function exchange({ socket, line }: Client, bytes: string, behind = ''): Promise<string[]> {
  const end = `\xff{"return": ${++lastId}}`;
  const sync = `{"execute":"guest-sync-delimited","arguments":{"id":${lastId}}}`;
  socket.write(Buffer.from(`${bytes}\n${sync}\n${behind}`, 'latin1'));
  const lines: string[] = [];
  for (;;) {
    const next = await line();
    if (next === end) return lines;
    lines.push(next);
  }
}

function lineReader(socket: Socket): () => Promise<string> {
  const lines: string[] = [];
  let rest = '';
  let waiting: PromiseWithResolvers<string> | undefined;
  socket.setEncoding('latin1').on('data', (piece: string) => {
    const parts = (rest + piece).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
    if (lines.length === 0) return;
    if (waiting) waiting.resolve(lines.shift()!);
    waiting = undefined;
  });
  socket.on('close', () => waiting?.reject(new Error('the channel was closed before the answer')));
  return () => {
    if (lines.length > 0) return Promise.resolve(lines.shift()!);
    waiting = Promise.withResolvers();
    return waiting.promise;
  };
}

/** Texts of parse errors do not count (they change between versions of qemu-ga), nor do numbers that cannot be predicted. */
function settled(line: string, step: string, exact: boolean): string {
  if (/"desc": "JSON parse error/.test(line)) return unreadable;
  if (line.length > mostCompared) return `an answer of ${line.length} bytes`;
  if (exact) return line;
  const text = line.replace(/(handle '|PID )\d{2,}/, '$1N');
  return JSON.stringify(JSON.parse(text), (key, value: unknown) => {
    if (/^(used-bytes|total-bytes.*|trimmed|[rt]x-.*|pid)$/.test(key)) return typeof value;
    if (key === 'return' && typeof value === 'number' && /guest-(file-open|get-time)/.test(step)) return typeof value;
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  });
}

/** Longer lines are worth their length only. */
const mostCompared = 65_536;

/** Consecutive parse errors become one line with their count. */
function counted(answers: readonly string[]): string[] {
  const lines: string[] = [];
  let errors = 0;
  for (const answer of [...answers, undefined]) {
    if (answer === unreadable) {
      errors++;
      continue;
    }
    if (errors > 0) lines.push(`parse errors: ${errors}`);
    errors = 0;
    if (answer !== undefined) lines.push(answer);
  }
  return lines;
}

const unreadable = 'parse error';
