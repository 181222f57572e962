/** Our server against clients that break the protocol, ask for too much, or take nothing; and over areas that fail. */

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { NbdArea } from '../../nbd/area.ts';
import { connectNbd } from '../../nbd/client.ts';
import { createPeer, PeerGone } from '../../nbd/peer.ts';
import { serveNbd } from '../../nbd/server.ts';
import { encodeGo, encodeMetaQueries, encodeOption, text } from '../../protocol/nbd/handshake.ts';
import {
  commandFlags,
  commands,
  errors,
  mostOptionBytes,
  optionErrors,
  optionReplies,
  options,
  transmissionFlags,
} from '../../protocol/nbd/numbers.ts';
import { decodeErrorChunk, encodeRequest } from '../../protocol/nbd/transmission.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ask, greetServer, rawClient, rawPeer, type RawClient } from './raw-client.ts';
import { memoryArea, pattern } from './servers.ts';

const mib = 2 ** 20;
const allocation = 'base:allocation';
const content = pattern(4 * mib);

async function serve(t: TestContext, area: NbdArea = memoryArea(Buffer.from(content), false)) {
  const path = join(await temporaryFolder(t), 'nbd.sock');
  const server = await serveNbd({ at: { path }, name: 'disk', area });
  t.after(() => server.close());
  return { path, server };
}

/** The server still serves others: whole and right. */
async function assertServes(t: TestContext, path: string): Promise<void> {
  const client = await connectNbd({ to: { path }, export: 'disk' });
  t.after(() => client.close());
  assert.ok(content.equals(await client.read(0, client.size)));
  await client.close();
}

/** The server notices the end of a connection a moment after its client; each try is answered by it. */
async function untilServed(path: string): Promise<void> {
  for (;;) {
    const client = await connectNbd({ to: { path }, export: 'disk' }).catch(() => null);
    if (client !== null) return client.close();
  }
}

async function errorOf(client: RawClient): Promise<{ error: number; message: string }> {
  const reply = await client.reply();
  return reply.kind === 'simple' ? { error: reply.error, message: '' } : decodeErrorChunk(reply.payload)!;
}

const breaches: Record<string, Uint8Array[]> = {
  'flags that nobody knows': [Buffer.from([0, 0, 0, 0x83])],
  'no flag for fixed newstyle': [Buffer.from([0, 0, 0, 0])],
  'bytes instead of an option': [Buffer.from([0, 0, 0, 3]), pattern(100)],
  'an option of 4 GiB': [Buffer.from([0, 0, 0, 3]), encodeOption(options.go).subarray(0, 12), Buffer.alloc(4, 255)],
  'an option that is a little too long': [Buffer.from([0, 0, 0, 3]), encodeOption(options.go, Buffer.alloc(mostOptionBytes + 1))],
  'endless options': [Buffer.from([0, 0, 0, 3]), ...Array.from({ length: 100 }, () => encodeOption(options.list))],
  'another export in the old way': [Buffer.from([0, 0, 0, 3]), encodeOption(options.exportName, Buffer.from('other'))],
};

for (const [what, sent] of Object.entries(breaches))
  test(`a client that sends ${what} loses its connection, and nobody else does`, async (t) => {
    const { path } = await serve(t);
    const peer = await rawPeer(t, path);
    await peer.send(...sent).catch(() => {});
    await assert.rejects(async () => {
      for (;;) await peer.take(1);
    }, PeerGone);
    await assertServes(t, path);
  });

for (const [what, request] of Object.entries({
  'bytes that are no request': pattern(28),
  'a write of 4 GiB': encodeRequest({ flags: 0, command: commands.write, cookie: 1n, offset: 0n, length: 2 ** 32 - 1 }),
}))
  test(`a client that sends ${what} loses its connection, also while replies to it wait`, async (t) => {
    const { path } = await serve(t);
    const client = await rawClient(t, path, 'disk');
    await client.request({ length: 4 * mib });
    await client.send(request);
    await assert.rejects(async () => {
      for (;;) await client.take(mib);
    }, PeerGone);
    await assertServes(t, path);
  });

test('options that cannot be read or are unknown are refused, and the next one is answered', async (t) => {
  const { path } = await serve(t);
  const peer = await rawPeer(t, path);
  assert.equal(await greetServer(peer), 3);
  const query = encodeMetaQueries({ name: 'disk', queries: [allocation] });
  for (const [option, data, error] of [
    [5, undefined, optionErrors.unsupported],
    [77, Buffer.alloc(9), optionErrors.unsupported],
    [options.list, Buffer.alloc(1), optionErrors.invalid],
    [options.structuredReply, Buffer.alloc(1), optionErrors.invalid],
    [options.go, Buffer.alloc(3), optionErrors.invalid],
    [options.go, Buffer.from([0, 0, 0, 200, 1]), optionErrors.invalid],
    [options.info, encodeGo({ name: 'other', infos: [] }), optionErrors.unknownExport],
    [options.setMetaContext, query, optionErrors.invalid],
  ] as const)
    assert.deepEqual(
      (await ask(peer, option, data)).map(({ type }) => type),
      [error],
    );
  const listed = await ask(peer, options.list);
  assert.equal(text(listed[0]!.data.subarray(4)), 'disk');
  await ask(peer, options.structuredReply);
  assert.equal((await ask(peer, options.setMetaContext, query)).length, 2);
  assert.equal((await ask(peer, options.abort)).at(-1)!.type, optionReplies.ack);
  await assert.rejects(peer.take(1), PeerGone);
});

test('the old way to choose an export works too, with simple replies to reads', async (t) => {
  const { path } = await serve(t);
  const peer = await rawPeer(t, path);
  await greetServer(peer, 1);
  await peer.send(encodeOption(options.exportName, Buffer.from('disk')));
  const described = await peer.take(134);
  assert.equal(described.readBigUInt64BE(0), BigInt(4 * mib));
  await peer.send(encodeRequest({ flags: 0, command: commands.read, cookie: 5n, offset: 3n, length: 3 * mib }));
  await peer.take(16);
  assert.ok(content.subarray(3, 3 + 3 * mib).equals(await peer.take(3 * mib)));
  await peer.send(encodeRequest({ flags: 0, command: commands.read, cookie: 5n, offset: 3n, length: 4 * mib }));
  assert.equal((await peer.take(16)).readUInt32BE(4), errors.EINVAL);
});

test('a read-only export refuses every change, takes the data of a write, and announces what it is', async (t) => {
  const { path } = await serve(t);
  const client = await rawClient(t, path, 'disk');
  assert.ok(client.flags & transmissionFlags.readOnly);
  for (const command of [commands.write, commands.flush, commands.trim, commands.writeZeroes]) {
    await client.request({ command, length: 5 }, command === commands.write ? Buffer.from('12345') : undefined);
    assert.equal((await errorOf(client)).error, errors.EPERM);
  }
  for (const request of [
    { command: commands.blockStatus, length: 5 },
    { command: commands.read, flags: commandFlags.df, length: 5 },
    { command: commands.read, offset: 2n ** 64n - 1n, length: 5 },
  ]) {
    await client.request(request);
    assert.equal((await errorOf(client)).error, errors.EINVAL);
  }
  await assertServes(t, path);
});

test('a client that takes no replies keeps a few of them waiting, and others are served', async (t) => {
  let reads = 0;
  const area = memoryArea(Buffer.from(content), false);
  const { path } = await serve(t, { ...area, read: (offset, length) => ((reads += 1), area.read(offset, length)) });
  const socket = connect(path);
  t.after(() => socket.destroy());
  const peer = createPeer(socket);
  const requests = Buffer.concat(
    Array.from({ length: 1000 }, (_, index) =>
      encodeRequest({ flags: 0, command: commands.read, cookie: BigInt(index), offset: 0n, length: 4 * mib }),
    ),
  );
  await greetServer(peer);
  await ask(peer, options.structuredReply);
  await ask(peer, options.go, encodeGo({ name: 'disk', infos: [] }));
  socket.removeAllListeners('readable').pause();
  await peer.send(requests);
  for (let round = 0; round < 3; round += 1) await assertServes(t, path);
  // Three rounds of 4 reads of 1 MiB, and 8 requests that wait with a piece or two each.
  assert.ok(reads <= 12 + 16 + 8, `${reads} pieces were read`);
});

test('more clients than there is room for are turned away, and have room once others leave', async (t) => {
  const { path } = await serve(t);
  const clients = await Promise.all(Array.from({ length: 16 }, () => connectNbd({ to: { path }, export: 'disk' })));
  t.after(() => Promise.all(clients.map((each) => each.close())));
  await assert.rejects(connectNbd({ to: { path }, export: 'disk' }), { name: 'StillframeError' });
  await Promise.all(clients.map((each) => each.close()));
  await untilServed(path);
});

test('clients that take no replies and then break the protocol lose their places', async (t) => {
  const { path } = await serve(t);
  for (let count = 0; count < 16; count += 1) {
    const client = await rawClient(t, path, 'disk');
    await client.request({ length: 4 * mib });
    await client.send(pattern(28));
  }
  await untilServed(path);
});

test('a client that agrees on nothing loses its place after a while; one that has agreed may be silent', async (t) => {
  const { path } = await serve(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const agreed = await rawClient(t, path, 'disk');
  const silent = await rawPeer(t, path);
  await silent.take(18);
  t.mock.timers.tick(60_000);
  await assert.rejects(silent.take(1), PeerGone);
  await agreed.request({ length: 3 });
  assert.deepEqual((await agreed.reply()).payload.subarray(8), content.subarray(0, 3));
});

test('an area that fails is reported by its own reason, and one that gives another length does not shift the replies', async (t) => {
  const failing = (code: string) => Promise.reject(Object.assign(new Error(`it said ${code}`), { code }));
  const { path } = await serve(t, {
    bytes: 100,
    read: async (offset) => (offset === 0 ? failing('EIO') : offset === 1 ? Buffer.alloc(7) : Buffer.from('abc')),
    write: (offset) => failing(offset === 0 ? 'EDQUOT' : 'EACCES'),
    zero: () => failing('ENOSPC'),
    flush: () => failing('ESTALE'),
    allocation: async () => [],
  });
  const client = await rawClient(t, path, 'disk', { contexts: [allocation] });
  const tries: [Parameters<RawClient['request']>[0], Buffer | undefined, number][] = [
    [{ command: commands.read, offset: 0n, length: 3 }, undefined, errors.EIO],
    [{ command: commands.read, offset: 1n, length: 3 }, undefined, errors.EIO],
    [{ command: commands.write, offset: 0n, length: 3 }, Buffer.from('abc'), errors.ENOSPC],
    [{ command: commands.write, offset: 1n, length: 3 }, Buffer.from('abc'), errors.EPERM],
    [{ command: commands.write, offset: 99n, length: 3 }, Buffer.from('abc'), errors.ENOSPC],
    [{ command: commands.writeZeroes, length: 3 }, undefined, errors.ENOSPC],
    [{ command: commands.flush }, undefined, errors.EIO],
    [{ command: commands.blockStatus, length: 3 }, undefined, errors.EIO],
  ];
  for (const [request, data, error] of tries) {
    await client.request(request, data);
    assert.equal((await errorOf(client)).error, error, JSON.stringify(Object.values(request).map(String)));
  }
  await client.request({ command: commands.read, offset: 2n, length: 3 });
  assert.equal((await client.reply()).payload.subarray(8).toString(), 'abc');
});

test('an area without a way to zero gets zeros written; FUA and FLUSH reach it, and one extent is sent when one is asked for', async (t) => {
  const bytes = Buffer.from(content);
  const done: string[] = [];
  const { write, ...area } = memoryArea(bytes, true);
  const { path } = await serve(t, {
    bytes: area.bytes,
    read: area.read,
    allocation: area.allocation!,
    write: (offset, data) => (done.push(`write ${data.length}`), write!(offset, data)),
    flush: async () => void done.push('flush'),
  });
  const client = await rawClient(t, path, 'disk', { contexts: [allocation] });
  for (const request of [
    { command: commands.writeZeroes, flags: commandFlags.noHole, offset: 4096n, length: mib + 4096 },
    { command: commands.trim, flags: commandFlags.fua, length: 9 },
    { command: commands.flush },
  ]) {
    await client.request(request);
    assert.deepEqual(await errorOf(client), { error: 0, message: '' });
  }
  assert.deepEqual(done, [`write ${mib}`, 'write 4096', 'flush', 'flush']);
  assert.ok(bytes.subarray(4096, mib + 8192).every((each) => each === 0));
  for (const [flags, extents] of [
    [commandFlags.requestOne, 1],
    [0, 3],
  ] as const) {
    await client.request({ command: commands.blockStatus, flags, length: 2 * mib });
    assert.equal((await client.reply()).payload.length, 4 + 8 * extents);
  }
});

test('only its user may connect to a socket; what listens there already stays; the signal ends the server', async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'nbd.sock');
  const stop = new AbortController();
  const options_ = { at: { path }, name: 'disk', area: memoryArea(Buffer.from(content), false), signal: stop.signal };
  await serveNbd(options_);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await assert.rejects(serveNbd(options_), { code: 'nbd-address-unusable' });
  await assertServes(t, path);
  const client = await connectNbd({ to: { path }, export: 'disk' });
  stop.abort();
  await assert.rejects(client.read(0, 1), { code: 'nbd-closed' });
  await assert.rejects(serveNbd(options_), { name: 'AbortError' });
});

test('a port of this machine serves as a unix socket does', async (t) => {
  const server = await serveNbd({ at: { port: 0 }, name: 'disk', area: memoryArea(Buffer.from(content), false) });
  t.after(() => server.close());
  const client = await connectNbd({ to: { port: server.port! }, export: 'disk' });
  assert.ok(content.equals(await client.read(0, client.size)));
  await client.close();
  await server.close();
  await assert.rejects(connectNbd({ to: { port: server.port! }, export: 'disk' }), { code: 'nbd-unreachable' });
});
