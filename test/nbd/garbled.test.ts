/** The client against servers that break the protocol, stop in the middle, or use what real ones seldom do. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connectNbd } from '../../nbd/client.ts';
import { greet } from '../../nbd/greet.ts';
import { createPeer, type NbdPeer } from '../../nbd/peer.ts';
import {
  clientFlagsBytes,
  decodeOptionHead,
  encodeBlockSizes,
  encodeExportInfo,
  encodeGreeting,
  encodeMetaContext,
  encodeOptionReply,
  optionHeadBytes,
} from '../../protocol/nbd/handshake.ts';
import { chunkTypes, errors, optionErrors, optionReplies, options } from '../../protocol/nbd/numbers.ts';
import {
  decodeRequest,
  encodeBlockStatus,
  encodeChunkHead,
  encodeDataHead,
  encodeErrorChunk,
  encodeHole,
  encodeSimpleReply,
  requestBytes,
} from '../../protocol/nbd/transmission.ts';
import { temporaryFolder } from '../support/folder.ts';
import { memoryArea, pattern } from './servers.ts';

const size = 2 ** 20;
const allocation = 'base:allocation';
const bytes = (length: number) => pattern(length);
const join_ = (...parts: Uint8Array[]) => Buffer.concat(parts);
const done = (cookie: bigint) => encodeChunkHead(cookie, chunkTypes.none, 0, true);

/** What the server sends to the request for 100 bytes at 1000, and then nothing more. */
const badReads: Record<string, (cookie: bigint) => Uint8Array> = {
  'bytes that are no reply': () => bytes(64),
  'a reply to no request': (cookie) => encodeSimpleReply(cookie + 7n, 0),
  'success without data': (cookie) => encodeSimpleReply(cookie, 0),
  'the end before any data': done,
  'less data than was asked for': (cookie) => join_(encodeDataHead(cookie, 1000n, 99, true), bytes(99)),
  'more data than was asked for': (cookie) => join_(encodeDataHead(cookie, 1000n, 101, true), bytes(101)),
  'data before what was asked for': (cookie) => join_(encodeDataHead(cookie, 999n, 100, true), bytes(100)),
  'data at an offset beyond all numbers': (cookie) => join_(encodeDataHead(cookie, 2n ** 64n - 1n, 100, true), bytes(100)),
  'the same data twice': (cookie) =>
    join_(encodeDataHead(cookie, 1000n, 60, false), bytes(60), encodeDataHead(cookie, 1040n, 60, true), bytes(60)),
  'data that overlaps, and then the rest': (cookie) =>
    join_(
      ...[0, 40, 60].flatMap((from) => {
        const to = from === 0 ? 60 : 100;
        return [encodeDataHead(cookie, BigInt(1000 + from), to - from, from === 60), bytes(to - from)];
      }),
    ),
  'data without bytes': (cookie) => encodeDataHead(cookie, 1000n, 0, true),
  'a hole that is cut short': (cookie) => join_(encodeChunkHead(cookie, chunkTypes.offsetHole, 11, true), bytes(11)),
  'a hole of no bytes': (cookie) => encodeHole(cookie, 1000n, 0, true),
  'a hole beyond the request': (cookie) => encodeHole(cookie, 1000n, 2 ** 32 - 1, true),
  'a chunk of an unknown type': (cookie) => encodeChunkHead(cookie, 77, 0, true),
  'an empty chunk that is not the last': (cookie) => encodeChunkHead(cookie, chunkTypes.none, 0, false),
  'an error of 4 GiB': (cookie) => encodeChunkHead(cookie, chunkTypes.error, 2 ** 32 - 1, true),
  'an error whose text is longer than it': (cookie) =>
    join_(encodeChunkHead(cookie, chunkTypes.error, 6, true), Buffer.from([0, 0, 0, 5, 0, 9])),
  'the status of a block': (cookie) => encodeBlockStatus(cookie, 1, [{ length: 100, flags: 0 }], true),
};

for (const [what, reply] of Object.entries(badReads))
  test(`a read that is answered with ${what} fails as garbled, and so does all that waits beside it`, async (t) => {
    const { client } = await fake(t, (cookie) => reply(cookie));
    const [first, second] = await Promise.allSettled([client.read(1000, 100), client.read(0, 10)]);
    for (const each of [first, second])
      assert.equal(each.status === 'rejected' && (each.reason as { code?: string }).code, 'nbd-garbled');
    await assert.rejects(client.read(0, 1), { code: 'nbd-garbled' });
  });

const badStatuses: Record<string, (cookie: bigint) => Uint8Array> = {
  'of an unknown context': (cookie) => encodeBlockStatus(cookie, 9, [{ length: 100, flags: 0 }], true),
  'without extents': (cookie) => encodeBlockStatus(cookie, 1, [], true),
  'with an empty extent': (cookie) => encodeBlockStatus(cookie, 1, [{ length: 0, flags: 0 }], true),
  'with an extent behind the request': (cookie) =>
    encodeBlockStatus(
      cookie,
      1,
      [100, 1].map((length) => ({ length, flags: 0 })),
      true,
    ),
  'twice in one reply': (cookie) =>
    join_(...[false, true].map((last) => encodeBlockStatus(cookie, 1, [{ length: 9, flags: 0 }], last))),
  'of another length than its chunk': (cookie) => join_(encodeChunkHead(cookie, chunkTypes.blockStatus, 15, true), bytes(15)),
  'of 4 GiB': (cookie) => encodeChunkHead(cookie, chunkTypes.blockStatus, 2 ** 32 - 4, true),
  'as data': (cookie) => join_(encodeDataHead(cookie, 1000n, 100, true), bytes(100)),
  'as nothing': done,
};

for (const [what, reply] of Object.entries(badStatuses))
  test(`a block status ${what} fails as garbled`, async (t) => {
    const { client } = await fake(t, (cookie) => reply(cookie));
    await assert.rejects(Array.fromAsync(client.extents(allocation, 1000, 100)), { code: 'nbd-garbled' });
  });

for (const cut of [1, 15, 16, 19, 20, 27, 28, 70_000])
  test(`a reply that ends after ${cut} bytes fails as closed`, async (t) => {
    const { client } = await fake(t, (cookie, peer) => {
      const reply = join_(encodeDataHead(cookie, 0n, 100_000, true), bytes(100_000));
      void peer.send(reply.subarray(0, cut)).then(() => peer.end());
    });
    await assert.rejects(client.read(0, 100_000), { code: 'nbd-closed', kind: 'interrupted' });
  });

test('chunks in any order, holes among them and replies in between are put together', async (t) => {
  const content = bytes(size);
  content.fill(0, 300_000, 400_000);
  const cookies: bigint[] = [];
  const { client } = await fake(t, (cookie) => {
    if (cookies.push(cookie) < 2) return;
    const part = (whose: bigint, from: number, to: number, last: boolean) =>
      join_(encodeDataHead(whose, BigInt(from), to - from, last), content.subarray(from, to));
    const [a, b] = cookies as [bigint, bigint];
    return join_(
      part(a, 900_000, 1_000_000, false),
      part(b, 5, 6, true),
      part(a, 0, 300_000, false),
      part(a, 400_001, 900_000, false),
      encodeHole(a, 300_000n, 100_000, false),
      part(a, 400_000, 400_001, false),
      done(a),
    );
  });
  const [a, b] = await Promise.all([client.read(0, 1_000_000, Buffer.alloc(size, 1)), client.read(5, 1)]);
  assert.ok(content.subarray(0, 1_000_000).equals(a));
  assert.deepEqual(b, content.subarray(5, 6));
});

test('an error has the server’s text and its meaning, ends only its own request, and the one for a read may be simple', async (t) => {
  const replies = Object.entries(errors).flatMap(([name, error]) => [
    { name, reply: (cookie: bigint) => encodeErrorChunk(cookie, error, 'as the server says') },
    { name, reply: (cookie: bigint) => encodeSimpleReply(cookie, error) },
  ]);
  let next = 0;
  const { client } = await fake(
    t,
    (cookie) => replies[next++]?.reply(cookie) ?? join_(encodeDataHead(cookie, 0n, 1, true), bytes(1)),
  );
  for (const { name } of replies) {
    const error = await client.read(0, 1).catch((each: unknown) => each as Error);
    assert.deepEqual({ ...error }, { ...error, code: 'nbd-request-failed', facts: { ...Object(error).facts, error: name } });
    assert.match((error as Error).message, new RegExp(`${name}(: as the server says)?\\)$`));
  }
  assert.deepEqual(await client.read(0, 1), bytes(1));
});

test('an unknown error, an error of an unknown type and one after data fail the request only', async (t) => {
  const replies = [
    (cookie: bigint) => encodeErrorChunk(cookie, 12_345, ''),
    (cookie: bigint) => join_(encodeChunkHead(cookie, 0x8abc, 8, true), Buffer.from([0, 0, 0, 5, 0, 0, 1, 2])),
    (cookie: bigint) => join_(encodeDataHead(cookie, 0n, 1, false), bytes(1), encodeErrorChunk(cookie, 5, '')),
    (cookie: bigint) =>
      join_(encodeChunkHead(cookie, 0x8002, 14, false), Buffer.from([0, 0, 0, 5, ...Array<number>(10).fill(0)]), done(cookie)),
  ];
  let next = 0;
  const { client } = await fake(t, (cookie) => replies[next++]?.(cookie) ?? join_(encodeDataHead(cookie, 0n, 1, true), bytes(1)));
  for (const _ of replies) await assert.rejects(client.read(0, 1), { code: 'nbd-request-failed' });
  assert.deepEqual(await client.read(0, 1), bytes(1));
});

test('a last extent that reaches behind the request is cut off there', async (t) => {
  const { client } = await fake(t, (cookie) => encodeBlockStatus(cookie, 1, [{ length: 2 ** 31, flags: 3 }], true));
  assert.deepEqual(await Array.fromAsync(client.extents(allocation, 7, 100)), [{ offset: 7, length: 100, flags: 3 }]);
});

test('an exception while bytes are received ends the connection and not the process', async (t) => {
  const into = Buffer.from(new ArrayBuffer(100));
  const { client } = await fake(t, async (cookie, peer) => {
    await peer.send(encodeDataHead(cookie, 0n, 100, true), bytes(1));
    while (into[0] === 0) await new Promise(setImmediate);
    // The buffer has no memory any more when the rest comes.
    structuredClone(into.buffer, { transfer: [into.buffer] });
    await peer.send(bytes(99));
  });
  await assert.rejects(client.read(0, 100, into), { code: 'nbd-garbled' });
  await assert.rejects(client.read(0, 1), { code: 'nbd-garbled' });
});

/** What the server sends instead of a handshake, and the code that it makes. */
const badHandshakes: Record<string, { code: string; talk: (peer: NbdPeer) => Promise<void> }> = {
  'nothing and ends': { code: 'nbd-closed', talk: async (peer) => peer.end() },
  'half a greeting and ends': {
    code: 'nbd-closed',
    talk: async (peer) => {
      await peer.send(encodeGreeting(3).subarray(0, 9));
      peer.end();
    },
  },
  'something else': { code: 'nbd-garbled', talk: (peer) => peer.send(bytes(100)) },
  'the greeting of a server without options': { code: 'nbd-garbled', talk: (peer) => peer.send(encodeGreeting(0)) },
  'no structured replies': { code: 'nbd-refused', talk: (peer) => refuse(peer, () => optionErrors.unsupported) },
  'that it requires TLS': { code: 'nbd-refused', talk: (peer) => refuse(peer, () => optionErrors.tlsRequired) },
  'a reply to another option': { code: 'nbd-garbled', talk: (peer) => answer(peer, () => encodeOptionReply(99, 1)) },
  'a reply of 4 GiB': {
    code: 'nbd-garbled',
    talk: (peer) => answer(peer, (option) => join_(encodeOptionReply(option, 2).subarray(0, 16), Buffer.alloc(4, 255))),
  },
  'endless replies': {
    code: 'nbd-garbled',
    talk: (peer) => answer(peer, (option) => join_(...Array.from({ length: 100 }, () => encodeOptionReply(option, 2)))),
  },
  'an export without a size': {
    code: 'nbd-garbled',
    talk: (peer) => answer(peer, (option) => describe(option, encodeBlockSizes(1, 2))),
  },
  'an export beyond any disk': {
    code: 'nbd-garbled',
    talk: (peer) => answer(peer, (option) => describe(option, encodeExportInfo({ size: 2n ** 60n, flags: 1 }))),
  },
  'an export that is cut short': {
    code: 'nbd-garbled',
    talk: (peer) => answer(peer, (option) => describe(option, encodeExportInfo({ size: 1n, flags: 1 }).subarray(0, 9))),
  },
  'two contexts with one id': {
    code: 'nbd-garbled',
    talk: (peer) =>
      answer(peer, (option) =>
        option === options.setMetaContext
          ? join_(
              ...[allocation, 'other:context'].map((name) =>
                encodeOptionReply(option, optionReplies.metaContext, encodeMetaContext({ id: 1, name })),
              ),
              accept(option),
            )
          : accept(option),
      ),
  },
};

for (const [what, { code, talk }] of Object.entries(badHandshakes))
  test(`a server that sends ${what} is ${code}`, async (t) => {
    const path = await listen(t, talk);
    await assert.rejects(connectNbd({ to: { path }, export: 'disk', contexts: [allocation] }), { code });
  });

const accept = (option: number) => encodeOptionReply(option, optionReplies.ack);
const refuse = (peer: NbdPeer, error: () => number) => answer(peer, (option) => encodeOptionReply(option, error()));
const describe = (option: number, info: Uint8Array) =>
  option === options.go
    ? join_(encodeOptionReply(option, optionReplies.info, info), accept(option))
    : option === options.setMetaContext
      ? join_(
          encodeOptionReply(option, optionReplies.metaContext, encodeMetaContext({ id: 1, name: allocation })),
          accept(option),
        )
      : accept(option);

/** Greets, and answers each option with what `reply` makes. */
async function answer(peer: NbdPeer, reply: (option: number) => Uint8Array): Promise<void> {
  await peer.send(encodeGreeting(3));
  await peer.take(clientFlagsBytes);
  for (;;) {
    const { option, length } = decodeOptionHead(await peer.take(optionHeadBytes))!;
    await peer.take(length);
    await peer.send(reply(option));
  }
}

/** A client of a server that agrees as ours does, and answers each request with what `reply` makes. */
async function fake(t: TestContext, reply: (cookie: bigint, peer: NbdPeer) => Uint8Array | void | Promise<void>) {
  const path = await listen(t, async (peer) => {
    await greet(peer, 'disk', memoryArea(Buffer.alloc(size), false));
    for (;;) {
      const { cookie } = decodeRequest(await peer.take(requestBytes))!;
      const bytes_ = await reply(cookie, peer);
      if (bytes_) await peer.send(bytes_);
    }
  });
  const client = await connectNbd({ to: { path }, export: 'disk', contexts: [allocation] });
  t.after(() => client.close());
  return { client };
}

async function listen(t: TestContext, talk: (peer: NbdPeer) => Promise<void>): Promise<string> {
  const path = join(await temporaryFolder(t), 'nbd.sock');
  const server = createServer((socket) => {
    t.after(() => socket.destroy());
    // The client has gone: it was told enough.
    talk(createPeer(socket)).catch(() => {});
  });
  t.after(() => server.close());
  server.listen(path);
  await once(server, 'listening');
  return path;
}
