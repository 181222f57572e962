/** The client against three servers: the same cases for each. */

import assert from 'node:assert/strict';
import { kill } from 'node:process';
import { suite, test, type TestContext } from 'node:test';
import { connectNbd, type NbdClientOptions, type NbdExtent } from '../../nbd/client.ts';
import { allocationFlags, commandFlags, commands, errors } from '../../protocol/nbd/numbers.ts';
import { decodeErrorChunk } from '../../protocol/nbd/transmission.ts';
import { rawClient } from './raw-client.ts';
import { contentOf, pattern, serverKinds, type Image, type Served } from './servers.ts';

const kib = 2 ** 10;
const mib = 2 ** 20;
const allocation = 'base:allocation';

/** Data at odd places among holes, and a length that is a multiple of nothing. */
const patchy: Image = {
  bytes: 3 * mib + 700,
  data: [
    { offset: 0, bytes: pattern(10, 1) },
    { offset: 64 * kib - 3, bytes: pattern(70 * kib, 2) },
    { offset: 2 * mib, bytes: pattern(300 * kib, 3) },
    { offset: 3 * mib + 690, bytes: pattern(10, 4) },
  ],
};
const full = (bytes: number): Image => ({ bytes, data: [{ offset: 0, bytes: pattern(bytes) }] });

for (const { name, unit, serve } of serverKinds) {
  const connectTo = async (t: TestContext, served: Served, more: Partial<NbdClientOptions> = {}) => {
    const client = await connectNbd({ to: { path: served.path }, export: served.export, contexts: [allocation], ...more });
    t.after(() => client.close());
    return client;
  };

  suite(name, () => {
    for (const bytes of [0, 1, 511, 512, 513, 4095, 4096, 4097, 64 * kib - 1, 64 * kib + 1, mib + 4096 + 1])
      test(`an export of ${bytes} bytes is read whole`, async (t) => {
        const image = full(bytes);
        const client = await connectTo(t, await serve(t, image));
        const content = contentOf(image, unit);
        assert.equal(client.size, content.length);
        assert.deepEqual(await client.read(0, client.size), content);
        assert.equal(sum(await list(client.extents(allocation, 0, client.size))), content.length);
      });

    test('any part is read, at any offset, into a buffer of its own or at the front of a given one', async (t) => {
      const client = await connectTo(t, await serve(t, patchy));
      const content = contentOf(patchy, unit);
      for (const [offset, length] of [
        [0, 1],
        [7, 513],
        [64 * kib - 5, 9],
        [64 * kib - 3, 70 * kib],
        [mib - 1, mib + 3],
        [content.length - 1, 1],
        [content.length, 0],
      ] as const) {
        assert.deepEqual(await client.read(offset, length), content.subarray(offset, offset + length));
        const into = Buffer.alloc(length + 5, '.');
        assert.equal((await client.read(offset, length, into)).length, length);
        assert.deepEqual(into, Buffer.concat([content.subarray(offset, offset + length), Buffer.from('.....')]));
      }
    });

    test('requests that are out at the same time each get their own bytes', async (t) => {
      const client = await connectTo(t, await serve(t, patchy));
      const content = contentOf(patchy, unit);
      const offsets = Array.from({ length: 64 }, (_, index) => index * 49_000);
      const parts = await Promise.all(offsets.map((offset) => client.read(offset, Math.min(100_003, client.size - offset))));
      for (const [index, part] of parts.entries())
        assert.ok(
          part.every((each, at) => each === content[offsets[index]! + at]),
          `the part at ${offsets[index]}`,
        );
    });

    test('the allocation covers any range without gaps, and what it calls zero reads as zeros', async (t) => {
      const client = await connectTo(t, await serve(t, patchy));
      const content = contentOf(patchy, unit);
      for (const [offset, length] of [
        [0, content.length],
        [513, 2 * mib],
        [2 * mib + 1, 1],
        [5, 0],
      ] as const) {
        const extents = await list(client.extents(allocation, offset, length));
        let at = offset;
        for (const each of extents) {
          assert.equal(each.offset, at);
          if (each.flags & allocationFlags.zero) assert.ok(content.subarray(at, at + each.length).every((byte) => byte === 0));
          at += each.length;
        }
        assert.equal(at, offset + length);
      }
      const holes = (await list(client.extents(allocation, 0, client.size))).filter((each) => each.flags & allocationFlags.zero);
      assert.ok(sum(holes) > 2 * mib, `${sum(holes)} bytes of holes`);
    });

    test('a context that the server does not have is fatal, and so is an unknown export', async (t) => {
      const served = await serve(t, patchy);
      for (const context of ['qemu:dirty-bitmap:none', 'x-other:thing', 'base:other'])
        await assert.rejects(connectTo(t, served, { contexts: [allocation, context] }), {
          code: 'nbd-context-missing',
          facts: { place: served.path, export: 'disk', context },
        });
      await assert.rejects(connectTo(t, served, { export: 'other', contexts: [] }), { code: 'nbd-refused', kind: 'refused' });
      await assert.rejects(connectTo(t, served, { export: 'other' }), { code: 'nbd-refused' });
    });

    test('a read beyond what one request may ask for arrives whole; ranges outside never reach the server', async (t) => {
      const image: Image = { bytes: 33 * mib, data: [{ offset: 32 * mib - 5, bytes: pattern(10) }] };
      const client = await connectTo(t, await serve(t, image));
      assert.ok(contentOf(image).equals(await client.read(0, 33 * mib)));
      for (const [offset, length] of [
        [33 * mib, 1],
        [-1, 1],
        [0, -1],
        [0.5, 1],
        [0, Infinity],
      ] as const) {
        await assert.rejects(client.read(offset, length, Buffer.alloc(8)), RangeError);
        await assert.rejects(list(client.extents(allocation, offset, length)), RangeError);
      }
      await assert.rejects(client.read(0, 9, Buffer.alloc(8)), RangeError);
      await assert.rejects(list(client.extents('qemu:dirty-bitmap:b', 0, 1)), RangeError);
    });

    test('a request that is too long, ends behind the export or has no length is EINVAL, and the connection survives', async (t) => {
      const image = full(40 * mib);
      const served = await serve(t, image);
      const client = await rawClient(t, served.path, served.export, { contexts: [allocation] });
      for (const request of [
        { command: commands.read, length: 32 * mib + 1 },
        { command: commands.read, offset: 40n * BigInt(mib), length: 1 },
        { command: commands.blockStatus, offset: 40n * BigInt(mib) - 1n, length: 2 },
        { command: commands.blockStatus, length: 0 },
        { command: 99, length: 1 },
      ]) {
        await client.request(request);
        const reply = await client.reply();
        const error = reply.kind === 'simple' ? reply.error : decodeErrorChunk(reply.payload)!.error;
        assert.equal(error, errors.EINVAL);
      }
      await client.request({ command: commands.read, offset: 3n, length: 5 });
      const reply = await client.reply();
      assert.deepEqual(reply.payload.subarray(8), contentOf(image).subarray(3, 8));
    });

    test('writes get simple replies while reads get structured ones, and what was written is read', async (t) => {
      const served = await serve(t, { bytes: mib, data: [] }, { writable: true });
      const client = await rawClient(t, served.path, served.export);
      const data = pattern(70_001);
      const at = 4095n;
      const sent: [Parameters<typeof client.request>[0], Buffer?][] = [
        [{ command: commands.write, offset: at, length: data.length }, data],
        [{ command: commands.write, flags: commandFlags.fua, offset: 9n, length: 3 }, Buffer.from('abc')],
        [{ command: commands.writeZeroes, flags: commandFlags.fua, offset: at + 1n, length: 8192 }],
        [{ command: commands.trim, offset: BigInt(mib / 2), length: 4096 }],
        [{ command: commands.flush }],
      ];
      for (const [request, bytes] of sent) {
        await client.request(request, bytes);
        assert.deepEqual(await client.reply(), { kind: 'simple', error: 0, cookie: 1n, payload: Buffer.alloc(0) });
      }
      const expected = Buffer.alloc(mib);
      data.copy(expected, Number(at));
      expected.write('abc', 9);
      expected.fill(0, Number(at) + 1, Number(at) + 1 + 8192);
      const reader = await connectTo(t, served);
      assert.ok(expected.equals(await reader.read(0, mib)));
    });

    test('a server that ends in the middle of reads fails them, and all later ones', async (t) => {
      const served = await serve(t, full(4 * mib));
      const client = await connectTo(t, served);
      if (served.pid !== null) kill(served.pid, 'SIGSTOP');
      const reads = [client.read(0, 4 * mib), client.read(5, 5), list(client.extents(allocation, 0, 9))];
      const results = Promise.allSettled(reads);
      await served.end();
      for (const each of await results)
        assert.equal(each.status === 'rejected' && (each.reason as { code?: string }).code, 'nbd-closed');
      await assert.rejects(client.read(0, 1), { code: 'nbd-closed' });
      await assert.rejects(connectTo(t, served), { code: 'nbd-unreachable' });
    });

    test('a server that no longer replies: the caller’s signal ends what waits, and a connection that is being made', async (t) => {
      const served = await serve(t, full(mib));
      const stop = new AbortController();
      const client = await connectTo(t, served, { signal: stop.signal });
      if (served.pid !== null) kill(served.pid, 'SIGSTOP');
      const waiting = Promise.allSettled([client.read(0, mib), connectTo(t, served, { signal: stop.signal })]);
      stop.abort(new Error('enough'));
      for (const each of await waiting) {
        assert.ok(each.status === 'rejected');
        const { code, cause } = each.reason as { code: string; cause: Error };
        assert.deepEqual([code, cause.message], ['nbd-closed', 'enough']);
      }
      await assert.rejects(connectTo(t, served, { signal: stop.signal }), { code: 'nbd-closed' });
    });

    test('a client that closes fails its own requests that are out, and the next client is served', async (t) => {
      const image = full(mib);
      const served = await serve(t, image);
      const client = await connectTo(t, served);
      const reading = assert.rejects(client.read(0, mib), { code: 'nbd-closed' });
      await client.close();
      await reading;
      await client.close();
      assert.ok(contentOf(image).equals(await (await connectTo(t, served)).read(0, mib)));
    });
  });
}

async function list(extents: AsyncIterable<NbdExtent>): Promise<NbdExtent[]> {
  return Array.fromAsync(extents);
}

function sum(extents: NbdExtent[]): number {
  return extents.reduce((total, each) => total + each.length, 0);
}
