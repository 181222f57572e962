/** Clients of the binary's socket: that come, go, send halves, read slowly, or leave in the middle of an answer. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { startAgent, type Client } from './agent-process.ts';
import { endsWell, forEachBinary } from './binaries.ts';

const ping = '{"execute":"guest-ping"}';
const sync = (id: number) => `{"execute":"guest-sync","arguments":{"id":${id}}}`;

forEachBinary((binary) => {
  it('the agent answers a ping, and a sync behind a stray 0xFF with a 0xFF before the reply', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    client.send(ping);
    assert.equal(await client.line(), '{"return": {}}');
    client.send('\xff{"execute":"guest-sync-delimited","arguments":{"id":7}}');
    assert.match(await client.line(), /^\{"error": /);
    assert.equal(await client.line(), '\xff{"return": 7}');
    await endsWell(agent);
  });

  it('the agent serves one client after another, and none gets what the previous one left', async (t) => {
    const agent = await startAgent(t, await binary());
    for (let id = 0; id < 50; id++) {
      const client = await agent.connect();
      client.send(sync(id));
      assert.equal(await client.returned(), id);
      client.send('{"execute":"guest-sync","arguments":{"id"');
      await client.leave();
    }
    await endsWell(agent);
  });

  it('a second client waits until the first has gone', async (t) => {
    const agent = await startAgent(t, await binary());
    const first = await agent.connect();
    const second = await agent.connect();
    second.send(sync(2));
    const answered = second.returned();
    for (let id = 10; id < 20; id++) assert.equal(await Promise.race([answered, first.ask('guest-sync', { id })]), id);
    await first.leave();
    assert.equal(await answered, 2);
    await endsWell(agent);
  });

  it('the agent answers thousands of requests at once in their order', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    const ids = Array.from({ length: 5_000 }, (_, id) => id);
    client.send(ids.map(sync).join('\n'));
    for (const id of ids) assert.equal(await client.returned(), id);
    await endsWell(agent);
  });

  it('a command whose code is loaded on its first call keeps its place among the others', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    client.send([sync(1), '{"execute":"guest-get-host-name"}', sync(2), '{"execute":"guest-get-timezone"}', sync(3)].join(''));
    assert.equal(await client.returned(), 1);
    assert.deepEqual(await client.returned(), { 'host-name': hostname() });
    assert.equal(await client.returned(), 2);
    assert.match(JSON.stringify(await client.returned()), /"offset":/);
    assert.equal(await client.returned(), 3);
    await endsWell(agent);
  });

  it('a client that does not read gets every byte of many large replies once it does', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    const handle = await openZeros(client, agent.directory);
    client.socket.pause();
    client.send(manyReads(handle));
    // What fits between us has been sent when another process's answers show that the agent would have had its time.
    await elsewhere(t, await binary());
    client.socket.resume();
    for (let each = 0; each < manyTimes; each++) {
      const { count, 'buf-b64': text } = (await client.returned()) as { count: number; 'buf-b64': string };
      assert.deepEqual({ count, bytes: Buffer.from(text, 'base64').length }, { count: readBytes, bytes: readBytes });
    }
    assert.deepEqual(await client.ask('guest-ping'), {});
    await endsWell(agent);
  });

  it('a client that goes in the middle of large replies leaves none of them to the next', async (t) => {
    const agent = await startAgent(t, await binary());
    for (let times = 0; times < 5; times++) {
      const client = await agent.connect();
      const handle = await openZeros(client, agent.directory);
      client.send(manyReads(handle));
      await once(client.socket, 'data');
      await client.leave();
      const next = await agent.connect();
      next.send(sync(times));
      assert.equal(await next.line(), `{"return": ${times}}`);
      await next.leave();
    }
    await endsWell(agent);
  });

  it('a client that has closed its sending side still gets the reply', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    client.socket.end(ping);
    assert.equal(await client.line(), '{"return": {}}');
    await once(client.socket, 'close');
    await endsWell(agent);
  });

  it('a client that closes its sending side behind a slow command gets that reply too', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    client.socket.end('{"execute":"guest-get-fsinfo"}');
    assert.ok(Array.isArray(await client.returned()));
    await once(client.socket, 'close');
    await endsWell(agent);
  });

  it('a SIGTERM with a client connected ends the agent with status 0', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    await client.ask('guest-ping');
    await endsWell(agent);
  });

  it('the agent takes over the socket that a killed agent left', async (t) => {
    const first = await startAgent(t, await binary());
    await first.end('SIGKILL');
    const second = await startAgent(t, await binary(), { directory: first.directory });
    assert.deepEqual(await (await second.connect()).ask('guest-ping'), {});
    await endsWell(second);
  });
});

/** As much as fits into one answer of the protocol many times over, and into no socket's buffer. */
const readBytes = 2 ** 20;
const manyTimes = 12;

function manyReads(handle: unknown): string {
  return `{"execute":"guest-file-read","arguments":{"handle":${String(handle)},"count":${readBytes}}}`.repeat(manyTimes);
}

async function openZeros(client: Client, directory: string): Promise<unknown> {
  const path = join(directory, 'zeros');
  await writeFile(path, '');
  await truncate(path, readBytes * manyTimes);
  return client.ask('guest-file-open', { path });
}

/** A conversation with another agent. */
async function elsewhere(t: Parameters<typeof startAgent>[0], binary: string): Promise<void> {
  const other = await startAgent(t, binary);
  const client = await other.connect();
  for (let times = 0; times < 100; times++) await client.ask('guest-ping');
  await client.leave();
}
