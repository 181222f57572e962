/** How one channel's requests are answered: order, giving up, clients that change, and bounds. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import { Base64, eager, lazy, type Agent, type Command, type CommandEntry } from '../../../agent/core/command.ts';
import { CommandError } from '../../../agent/core/command-error.ts';
import type { Piece, Platform } from '../../../agent/core/platform.ts';
import { createSession } from '../../../agent/core/session.ts';
import { plainBytes } from '../../../protocol/json-lexer.ts';

interface Stage {
  send(text: string): void;
  /** Everything that was sent since the last look, bytes as base64. */
  said(): string;
  /** Settles the slow command that runs. */
  finish(value: string): Promise<void>;
  clientChanged(mayBeNext?: boolean): void;
  /** Lets the session's timer run out. */
  timePasses(): void;
  drain(): void;
  /** No longer allowed. */
  block(name: string): void;
  paused: boolean;
}

const slowReply = '{"return": "slow"}\n';

function stage(): Stage {
  let sent = '';
  let queued = 0;
  let slow: PromiseWithResolvers<string> | undefined;
  const timers = new Set<() => void>();
  const blocked = new Set(['blocked']);
  const command = (run: Command['run'], more: Partial<Command> = {}, flags: Partial<CommandEntry> = {}) =>
    eager({ takes: {}, run, ...more }, flags);
  const agent = {
    platform: {
      clock: {
        after(_: number, run: () => void) {
          timers.add(run);
          return () => timers.delete(run);
        },
      },
      bytes: plainBytes,
    } as unknown as Platform,
    log: { note() {}, audit() {}, hold() {}, release() {} },
    commands: new Map<string, CommandEntry>([
      ['guest-ping', command(() => ({}))],
      ['guest-sync', command((_, { id }) => id!, { takes: { id: { type: 'integer' } } }, { syncs: true })],
      [
        'guest-sync-delimited',
        command((_, { id }) => id!, { takes: { id: { type: 'integer' } }, delimited: true }, { syncs: true }),
      ],
      ['slow', command(() => (slow = Promise.withResolvers<string>()).promise)],
      ['fails', command(() => Promise.reject(new CommandError('it failed')))],
      ['throws', command(() => Reflect.get(Object(undefined), 'x').y as string)],
      ['silent', command(() => ({}), {}, { answersSuccess: false })],
      ['bytes', command(() => ({ count: 3, 'buf-b64': new Base64(Uint8Array.of(1, 2, 3)), eof: true }))],
      ['long', command(() => 'x'.repeat(100_000))],
      ['later', lazy(async () => ({ later: { takes: {}, run: () => 'late' } }), 'later')],
      ['broken', lazy(() => Promise.reject(new Error('no memory')), 'broken')],
    ]),
    isEnabled: (name: string) => !blocked.has(name),
  } as unknown as Agent;
  const stageOf: Stage = {
    send: (text) => session.data(Buffer.from(text, 'latin1')),
    said() {
      const all = sent;
      sent = '';
      return all;
    },
    async finish(value) {
      slow!.resolve(value);
      await new Promise(setImmediate);
    },
    clientChanged: (mayBeNext = false) => session.clientChanged(mayBeNext),
    timePasses() {
      for (const run of timers) {
        timers.delete(run);
        run();
      }
    },
    drain() {
      queued = 0;
      session.drained();
    },
    block: (name) => void blocked.add(name),
    paused: false,
  };
  const session = createSession(agent, () => ({
    send(pieces: readonly Piece[]) {
      for (const piece of pieces) sent += typeof piece === 'string' ? piece : Buffer.from(piece).toString('base64');
      queued += pieces.reduce((sum, piece) => sum + piece.length, 0);
    },
    queued: () => queued,
    pause: () => void (stageOf.paused = true),
    resume: () => void (stageOf.paused = false),
    close() {},
  }));
  return stageOf;
}

const sync = (id: number) => `{"execute":"guest-sync","arguments":{"id":${id}}}\n`;
const execute = (name: string, id?: number) => `{"execute":"${name}"${id === undefined ? '' : `,"id":${id}`}}\n`;

suite('a session', () => {
  it('a session answers in order, errors included, with the id after a return and before an error', () => {
    const { send, said } = stage();
    send(execute('guest-ping', 1) + execute('nope', 2) + sync(3) + execute('silent') + execute('bytes'));
    assert.equal(
      said(),
      '{"return": {}, "id": 1}\n' +
        '{"id": 2, "error": {"class": "CommandNotFound", "desc": "The command nope has not been found"}}\n' +
        '{"return": 3}\n' +
        '{"return": {"count": 3, "buf-b64": "AQID", "eof": true}}\n',
    );
  });

  it('the delimiter precedes the reply of its command, and not its error', () => {
    const { send, said } = stage();
    send('{"execute":"guest-sync-delimited","arguments":{"id":5},"id":"x"}{"execute":"guest-sync-delimited"}');
    assert.equal(
      said(),
      '\xff{"return": 5, "id": "x"}\n{"error": {"class": "GenericError", "desc": "Parameter \'id\' is missing"}}\n',
    );
  });

  it('requests behind a slow command wait for it', async () => {
    const { send, said, finish } = stage();
    send(execute('slow') + sync(1));
    send(execute('guest-ping'));
    assert.equal(said(), '');
    await finish('slow');
    assert.equal(said(), `${slowReply}{"return": 1}\n{"return": {}}\n`);
  });

  it('requests behind a command whose code must be loaded wait for it, and only the first time', async () => {
    const { send, said } = stage();
    send(execute('later') + sync(1));
    assert.equal(said(), '');
    await new Promise(setImmediate);
    assert.equal(said(), '{"return": "late"}\n{"return": 1}\n');
    send(execute('later'));
    assert.equal(said(), '{"return": "late"}\n');
  });

  it('a command that is disabled while its code is loaded does not run', async () => {
    const { send, said, block } = stage();
    send(execute('later'));
    block('later');
    await new Promise(setImmediate);
    assert.match(said(), /^\{"error": .*Command later has been disabled/);
  });

  it('a command whose code cannot be loaded fails', async () => {
    const { send, said } = stage();
    send(execute('broken') + sync(1));
    await new Promise(setImmediate);
    assert.match(said(), /^\{"error": .*no memory.*\n\{"return": 1\}\n$/);
  });

  it('a command that fails late, or unexpectedly, fails alone', async () => {
    const { send, said } = stage();
    send(execute('fails') + execute('throws') + sync(1));
    await new Promise(setImmediate);
    const [first, second, third] = said().trim().split('\n');
    assert.equal(first, '{"error": {"class": "GenericError", "desc": "it failed"}}');
    assert.match(second!, /^\{"error": \{"class": "GenericError", "desc": "TypeError: /);
    assert.equal(third, '{"return": 1}');
  });

  it('a byte 0xFF abandons a running command: its reply never comes', async () => {
    const { send, said, finish } = stage();
    send(execute('slow') + sync(1));
    send(`\xff${sync(2)}`);
    assert.match(said(), /^\{"error": [^\n]*\n\{"return": 2\}\n$/);
    await finish('slow');
    assert.equal(said(), '');
  });

  it('replies from before a byte 0xFF in the same read are not lost', () => {
    const { send, said } = stage();
    send(`${sync(1)}\xff${sync(2)}`);
    assert.match(said(), /^\{"return": 1\}\n\{"error": [^\n]*\n\{"return": 2\}\n$/);
  });

  it('a sync that waits too long behind a command abandons that command', async () => {
    const { send, said, finish, timePasses } = stage();
    send(execute('slow'));
    timePasses();
    assert.equal(said(), '');
    send(sync(7));
    timePasses();
    assert.equal(said(), '{"return": 7}\n');
    await finish('slow');
    assert.equal(said(), '');
  });

  it('a ping behind a hung command waits, because its reply would be taken for the other’s', async () => {
    const { send, said, finish, timePasses } = stage();
    send(execute('slow') + execute('guest-ping'));
    timePasses();
    assert.equal(said(), '');
    await finish('slow');
    assert.equal(said(), `${slowReply}{"return": {}}\n`);
  });

  it('a client that leaves takes half a request, waiting requests and late replies with it', async () => {
    const { send, said, finish, clientChanged } = stage();
    send(`${execute('slow')}${sync(1)}{"execute":"guest-sync","argu`);
    clientChanged();
    send(sync(2));
    assert.equal(said(), '{"return": 2}\n');
    await finish('slow');
    assert.equal(said(), '');
  });

  it('a request that may be the next client’s already is kept; half a request is dropped', async () => {
    const { send, said, finish, clientChanged } = stage();
    send(`${execute('slow')}{"execute":"guest-sync","argu`);
    clientChanged(true);
    send(sync(2));
    await finish('slow');
    assert.equal(said(), `${slowReply}{"return": 2}\n`);
  });

  it('a client that does not read stops the replies, and reading resumes them', () => {
    const it = stage();
    it.send(execute('long').repeat(30));
    const before = it.said().split('\n').length - 1;
    assert.ok(before < 30, `${before} of 30 long answers were queued`);
    assert.equal(it.paused, true);
    it.drain();
    it.drain();
    it.drain();
    assert.equal(before + it.said().split('\n').length - 1, 30);
    assert.equal(it.paused, false);
  });

  it('endless requests behind a slow command stop the reading', async () => {
    const it = stage();
    it.send(execute('slow'));
    for (let count = 0; count < 40 && !it.paused; count++) it.send(sync(1).repeat(200));
    assert.equal(it.paused, true);
    await it.finish('slow');
    assert.equal(it.paused, false);
  });
});
