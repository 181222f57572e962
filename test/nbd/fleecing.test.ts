/** The client on the frozen view of a disk, as a backup reads it, and QEMU's rules that a backup must know. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connectNbd, type NbdExtent } from '../../nbd/client.ts';
import { commands, commandFlags } from '../../protocol/nbd/numbers.ts';
import { encodeRequest } from '../../protocol/nbd/transmission.ts';
import { rawClient } from './raw-client.ts';
import { contentOf, pattern, startDaemon, writeImage, type Daemon, type Image } from './servers.ts';

const kib = 2 ** 10;
const mib = 2 ** 20;
const allocation = 'base:allocation';
const dirty = (bitmap: string) => `qemu:dirty-bitmap:${bitmap}`;
const image: Image = { bytes: 4 * mib, data: [{ offset: 0, bytes: pattern(mib) }] };

test('the frozen view keeps its bytes while the guest writes, and the bitmap names what had changed before', async (t) => {
  const { daemon, write } = await guest(t);
  await write(3 * mib, pattern(1000, 2));
  const before = contentOf(image);
  pattern(1000, 2).copy(before, 3 * mib);
  await freeze(daemon, ['b1']);
  await write(5, pattern(200 * kib, 3));
  await write(3 * mib, pattern(1000, 4));
  const client = await connectNbd({ to: { path: daemon.socket }, export: 'frozen', contexts: [dirty('b1'), allocation] });
  t.after(() => client.close());
  assert.ok(before.equals(await client.read(0, client.size)));
  assert.deepEqual(
    (await list(client.extents(dirty('b1'), 0, client.size))).filter(({ flags }) => flags === 1),
    [{ offset: 3 * mib, length: 64 * kib, flags: 1 }],
  );
  const zeros = (await list(client.extents(allocation, 0, client.size))).filter(({ flags }) => flags & 2);
  assert.deepEqual([zeros[0]!.offset, zeros.at(-1)!.offset + zeros.at(-1)!.length], [mib, 4 * mib]);
});

test('several contexts are told apart by name, whatever their ids and their order', async (t) => {
  const { daemon, write } = await guest(t, ['b1', 'b2']);
  await write(3 * mib, pattern(10));
  await freeze(daemon, ['b1', 'b2']);
  const ids = new Set<string>();
  for (const contexts of [[dirty('b1'), allocation], [allocation, dirty('b2'), dirty('b1')], [dirty('b2')]]) {
    const raw = await rawClient(t, daemon.socket, 'frozen', { contexts });
    ids.add(raw.contexts.map(({ id, name }) => `${id} ${name}`).join(', '));
    const client = await connectNbd({ to: { path: daemon.socket }, export: 'frozen', contexts });
    t.after(() => client.close());
    for (const context of contexts) {
      const extents = await list(client.extents(context, 0, client.size));
      const found = extents.filter(({ flags }) => (context === allocation ? flags === 0 : flags === 1));
      assert.equal(found.at(-1)!.offset, 3 * mib, context);
    }
  }
  assert.equal(ids.size, 3, `${[...ids].join('; ')}`);
});

test('more extents than one reply holds all arrive, while another context covers the rest in one', async (t) => {
  const daemon = await startDaemon(t);
  const pairs = 70_000;
  const size = 2 ** 30 + 1024 * pairs;
  await daemon.monitor.execute('blockdev-add', { driver: 'null-co', 'node-name': 'disk', size, 'read-zeroes': true });
  await daemon.monitor.execute('block-dirty-bitmap-add', { node: 'disk', name: 'b1', granularity: 512 });
  await addExport(daemon, 'live', 'disk', { writable: true });
  // Every other sector, on both sides of 1 GiB: the most that one request may ask for.
  await zeroSectors(t, daemon, 2 ** 30 - 512 * pairs, pairs);
  await daemon.monitor.execute('block-dirty-bitmap-disable', { node: 'disk', name: 'b1' });
  await addExport(daemon, 'frozen', 'disk', { bitmaps: ['b1'] });
  const client = await connectNbd({ to: { path: daemon.socket }, export: 'frozen', contexts: [allocation, dirty('b1')] });
  t.after(() => client.close());
  let at = 0;
  let dirtySectors = 0;
  for await (const each of client.extents(dirty('b1'), 0, size)) {
    assert.equal(each.offset, at);
    if (each.flags === 1) {
      assert.equal(each.length, 512);
      assert.equal(each.offset, 2 ** 30 - 512 * pairs + 1024 * dirtySectors);
      dirtySectors += 1;
    }
    at += each.length;
  }
  assert.deepEqual([at, dirtySectors], [size, pairs]);
  const whole = await list(client.extents(allocation, 0, size));
  assert.ok(whole.length < 10, `${whole.length} extents`);
});

test('an export whose job was cancelled goes on without an error, with what the guest wrote since: the job has to be asked', async (t) => {
  const { daemon, write } = await guest(t);
  await freeze(daemon, ['b1']);
  const client = await connectNbd({ to: { path: daemon.socket }, export: 'frozen', contexts: [dirty('b1')] });
  t.after(() => client.close());
  assert.deepEqual(await client.read(mib, 4), Buffer.alloc(4));
  await daemon.monitor.execute('job-cancel', { id: 'job' });
  await until(
    async () => (await daemon.monitor.execute('query-jobs')) as unknown[],
    (jobs) => jobs.length === 0,
  );
  await write(mib, Buffer.from('live'));
  assert.equal((await client.read(mib, 4)).toString(), 'live');
});

test('a bitmap is in one export at a time, and is not removed while it is', async (t) => {
  const { daemon } = await guest(t);
  await freeze(daemon, ['b1']);
  await assert.rejects(addExport(daemon, 'second', 'scratch', { bitmaps: ['b1'] }), { code: 'monitor-refused' });
  const remove = { node: 'disk', name: 'b1' };
  await assert.rejects(daemon.monitor.execute('block-dirty-bitmap-remove', remove), { code: 'monitor-refused' });
});

test('QEMU accepts an export before its job, with a bitmap of another node by its plain name: acceptance proves nothing', async (t) => {
  const { daemon, write } = await guest(t);
  await addScratch(daemon);
  await daemon.monitor.execute('block-dirty-bitmap-disable', { node: 'disk', name: 'b1' });
  const early = { type: 'nbd', id: 'early', 'node-name': 'scratch', name: 'early', bitmaps: ['b1'] };
  await daemon.monitor.execute('block-export-add', early);
  const client = await connectNbd({ to: { path: daemon.socket }, export: 'early', contexts: [dirty('b1')] });
  t.after(() => client.close());
  await write(mib, Buffer.from('live'));
  // Neither are these the bytes of one moment, nor does the bitmap name what was written.
  assert.equal((await client.read(mib, 4)).toString(), 'live');
  assert.deepEqual(await list(client.extents(dirty('b1'), 0, client.size)), [{ offset: 0, length: client.size, flags: 0 }]);
});

test('a disk with sectors of 4 KiB is read at any offset', async (t) => {
  const daemon = await startDaemon(t);
  const path = join(daemon.folder, 'disk.raw');
  const own: Image = { bytes: 256 * kib, data: [{ offset: 0, bytes: pattern(200 * kib) }] };
  await writeImage(path, own);
  const file = { driver: 'file', filename: path };
  await daemon.monitor.execute('blockdev-add', { driver: 'blkdebug', 'node-name': 'disk', align: 4096, image: file });
  await addExport(daemon, 'frozen', 'disk', {});
  const client = await connectNbd({ to: { path: daemon.socket }, export: 'frozen', contexts: [allocation] });
  t.after(() => client.close());
  assert.ok(contentOf(own).equals(await client.read(0, client.size)));
  assert.deepEqual(await client.read(4095, 4098), contentOf(own).subarray(4095, 4095 + 4098));
  assert.equal((await list(client.extents(allocation, 1, client.size - 2))).at(-1)!.offset > 0, true);
});

test('a disk that cannot be read is reported as that, with the request only', async (t) => {
  const daemon = await startDaemon(t);
  const path = join(daemon.folder, 'disk.raw');
  await writeImage(path, image);
  await daemon.monitor.execute('blockdev-add', {
    driver: 'blkdebug',
    'node-name': 'disk',
    'inject-error': [{ event: 'none', errno: 5, sector: 100, iotype: 'read' }],
    image: { driver: 'file', filename: path },
  });
  await addExport(daemon, 'frozen', 'disk', {});
  const client = await connectNbd({ to: { path: daemon.socket }, export: 'frozen' });
  t.after(() => client.close());
  const [bad, good] = await Promise.allSettled([client.read(0, mib), client.read(mib - 10, 10)]);
  assert.ok(bad.status === 'rejected' && good.status === 'fulfilled', `${JSON.stringify([bad, good])}`);
  const { code, facts } = bad.reason as { code: string; facts: { error: string } };
  assert.deepEqual([code, facts.error], ['nbd-request-failed', 'EIO']);
  assert.deepEqual(good.value, contentOf(image).subarray(mib - 10, mib));
});

/** A disk with bitmaps, and an export through which the test writes as its guest. */
async function guest(t: TestContext, bitmaps = ['b1']) {
  const daemon = await startDaemon(t);
  const file = join(daemon.folder, 'disk.raw');
  await writeImage(file, image);
  await daemon.monitor.execute('blockdev-add', { driver: 'raw', 'node-name': 'disk', file: { driver: 'file', filename: file } });
  for (const name of bitmaps) await daemon.monitor.execute('block-dirty-bitmap-add', { node: 'disk', name });
  await addExport(daemon, 'live', 'disk', { writable: true });
  const client = await rawClient(t, daemon.socket, 'live');
  const write = async (offset: number, data: Buffer) => {
    await client.request({ command: commands.write, offset: BigInt(offset), length: data.length }, data);
    const reply = await client.reply();
    assert.ok(reply.kind === 'simple' && reply.error === 0);
  };
  return { daemon, write };
}

async function addScratch({ monitor, folder }: Daemon): Promise<void> {
  const filename = join(folder, 'scratch.qcow2');
  await monitor.execute('blockdev-create', {
    'job-id': 'make-file',
    options: { driver: 'file', filename, size: 0 },
  });
  await ended(monitor, 'make-file');
  await monitor.execute('blockdev-add', { driver: 'file', 'node-name': 'sf', filename });
  await monitor.execute('blockdev-create', { 'job-id': 'make', options: { driver: 'qcow2', file: 'sf', size: image.bytes } });
  await ended(monitor, 'make');
  await monitor.execute('blockdev-add', { driver: 'qcow2', 'node-name': 'scratch', file: 'sf', backing: 'disk' });
}

/** Copy-before-write into scratch and the end of the bitmaps' interval, in one transaction. */
async function freeze(daemon: Daemon, bitmaps: string[]): Promise<void> {
  await addScratch(daemon);
  const job = { 'job-id': 'job', device: 'disk', target: 'scratch', sync: 'none' };
  await daemon.monitor.execute('transaction', {
    actions: [
      { type: 'blockdev-backup', data: job },
      ...bitmaps.map((name) => ({ type: 'block-dirty-bitmap-disable', data: { node: 'disk', name } })),
    ],
  });
  await addExport(daemon, 'frozen', 'scratch', { bitmaps });
}

async function addExport(
  { monitor }: Daemon,
  name: string,
  node: string,
  { writable = false, bitmaps = [] as string[] },
): Promise<void> {
  const named = bitmaps.map((each) => ({ node: 'disk', name: each }));
  await monitor.execute('block-export-add', { type: 'nbd', id: name, 'node-name': node, name, writable, bitmaps: named });
}

async function ended(monitor: Daemon['monitor'], id: string): Promise<void> {
  await until(
    async () =>
      ((await monitor.execute('query-jobs')) as { id: string; status: string }[]).find((each) => each.id === id)!.status,
    (status) => status === 'concluded',
  );
  await monitor.execute('job-dismiss', { id });
}

/** Each look is a question to QEMU: its replies pace this. */
async function until<T>(look: () => Promise<T>, is: (value: T) => boolean): Promise<void> {
  while (!is(await look()));
}

async function zeroSectors(t: TestContext, daemon: Daemon, from: number, count: number): Promise<void> {
  const client = await rawClient(t, daemon.socket, 'live');
  const sent: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) {
    const offset = BigInt(from + 1024 * index);
    const flags = commandFlags.noHole;
    sent.push(encodeRequest({ flags, command: commands.writeZeroes, cookie: BigInt(index), offset, length: 512 }));
  }
  const sending = client.send(Buffer.concat(sent));
  for (let index = 0; index < count; index += 1) {
    const reply = await client.reply();
    assert.ok(reply.kind === 'simple' && reply.error === 0);
  }
  await sending;
}

async function list(extents: AsyncIterable<NbdExtent>): Promise<NbdExtent[]> {
  return Array.fromAsync(extents);
}
