/** Listening channels: one client at a time, each with a beginning of its own. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, suite, type TestContext } from 'node:test';
import { SystemError, type Channel } from '../../../agent/core/platform.ts';
import { channels } from '../../../agent/platform/node/channels.ts';

interface Stage {
  path: string;
  channel: Channel;
  /** What has happened, in order. */
  events: string[];
  /** An answer is still to come. */
  owes: boolean;
  /** Resolves with the next thing that happens. */
  next(): Promise<string>;
  client(): Promise<Socket>;
}

function createStage(t: TestContext): Stage {
  const directory = mkdtempSync(join(tmpdir(), 'sf-channel-'));
  const path = join(directory, 'socket');
  const events: string[] = [];
  const clients: Socket[] = [];
  let waiter = Promise.withResolvers<string>();
  const happened = (event: string) => {
    events.push(event);
    waiter.resolve(event);
    waiter = Promise.withResolvers();
  };
  const channel = channels.open('unix-listen', path, {
    owes: () => stage.owes,
    data: (bytes) => happened(`data ${Buffer.from(bytes).toString('latin1')}`),
    clientChanged: () => happened('changed'),
    drained: () => happened('drained'),
    failed: (error) => happened(`failed ${error.message}`),
  });
  t.after(async () => {
    channel.close();
    clients.forEach((client) => client.destroy());
    rmSync(directory, { recursive: true, force: true });
  });
  const stage: Stage = {
    path,
    channel,
    events,
    owes: false,
    next: () => waiter.promise,
    async client() {
      const client = connect(path);
      clients.push(client);
      await once(client, 'connect');
      return client;
    },
  };
  return stage;
}

async function readUntil(client: Socket, length: number): Promise<string> {
  let text = '';
  while (text.length < length) text += ((await once(client, 'data')) as [Buffer])[0].toString('latin1');
  return text;
}

suite('listening channels', () => {
  it('listening channels read bytes, and send text as Latin-1 and bytes as base64', async (t) => {
    const stage = createStage(t);
    const client = await stage.client();
    const data = stage.next();
    client.write('ping');
    assert.equal(await data, 'data ping');
    const drained = stage.next();
    stage.channel.send(['\xff{"', Uint8Array.of(1, 2, 3), '"}\n']);
    assert.equal(await readUntil(client, 10), '\xff{"AQID"}\n');
    assert.equal(await drained, 'drained');
    assert.equal(stage.channel.queued(), 0);
  });

  it('listening channels serve the next client when the previous one has gone', async (t) => {
    const stage = createStage(t);
    const first = await stage.client();
    const firstData = stage.next();
    first.write('one');
    await firstData;
    const second = await stage.client();
    second.write('two');
    const changed = stage.next();
    first.end();
    await changed;
    await stage.next();
    assert.deepEqual(stage.events, ['data one', 'changed', 'data two']);
    stage.channel.send(['for two']);
    assert.equal(await readUntil(second, 7), 'for two');
  });

  it('listening channels keep a client that sends nothing more until it has its reply', async (t) => {
    const stage = createStage(t);
    stage.owes = true;
    const client = await stage.client();
    const data = stage.next();
    client.end('ask');
    await data;
    const answer = readUntil(client, 6);
    const ended = once(client, 'end');
    stage.owes = false;
    stage.channel.send(['answer']);
    assert.equal(await answer, 'answer');
    await ended;
    const gone = await stage.client();
    gone.end();
    await once(gone.resume(), 'end');
  });

  it('listening channels report how much a client has not taken, and when it has', async (t) => {
    const stage = createStage(t);
    const client = await stage.client();
    const data = stage.next();
    client.write('x');
    await data;
    client.pause();
    const size = 16 * 2 ** 20;
    stage.channel.send(['y'.repeat(size)]);
    assert.ok(stage.channel.queued() > 0);
    const drained = stage.next();
    client.resume();
    assert.equal((await readUntil(client, size)).length, size);
    assert.equal(await drained, 'drained');
    assert.equal(stage.channel.queued(), 0);
  });

  it('listening channels read nothing while they are paused', async (t) => {
    const stage = createStage(t);
    stage.channel.pause();
    const client = await stage.client();
    client.write('held');
    const second = await stage.client();
    second.destroy();
    await once(second, 'close');
    assert.deepEqual(stage.events, []);
    const data = stage.next();
    stage.channel.resume();
    assert.equal(await data, 'data held');
  });

  it('listening channels replace a stale socket, and report why they cannot listen', async (t) => {
    const stage = createStage(t);
    stage.channel.close();
    writeFileSync(`${stage.path}-x`, '');
    const again = channels.open('unix-listen', stage.path, { data() {}, clientChanged() {}, drained() {}, failed() {} });
    await stage.client();
    again.close();
    const missing = () =>
      channels.open('unix-listen', '/missing/socket', { data() {}, clientChanged() {}, drained() {}, failed() {} });
    assert.throws(missing, (error: unknown) => error instanceof SystemError && error.errno === 2);
    const failed = Promise.withResolvers<SystemError>();
    channels.open('unix-listen', `${stage.path}-x`, { data() {}, clientChanged() {}, drained() {}, failed: failed.resolve });
    assert.equal((await failed.promise).message, 'Address already in use');
    assert.ok(existsSync(`${stage.path}-x`));
  });
});
