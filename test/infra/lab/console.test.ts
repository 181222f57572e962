import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { readConsole } from '../../../infra/lab/console.ts';

function start() {
  const stream = new PassThrough();
  const ended = Promise.withResolvers<string>();
  return { stream, end: ended.resolve, console: readConsole(stream, ended.promise) };
}

test('a line that arrives in pieces is one write', async () => {
  const { stream, console } = start();
  const next = console.nextWrite('disk0');
  stream.write('W disk0 1');
  stream.write('7 4000 12');
  stream.write('\nW disk1 ');
  assert.deepEqual(await next, { disk: 'disk0', seq: 17, at: 4000 });
  assert.deepEqual(console.last('disk0'), { disk: 'disk0', seq: 17, at: 4000 });
  assert.equal(console.last('disk1'), undefined);
});

test('every waiter for a disk gets its next write, and no write of another disk', async () => {
  const { stream, console } = start();
  const waiting = [console.nextWrite('disk1'), console.nextWrite('disk1')];
  stream.write('W disk0 1 100 5\nW disk1 9 120 5\n');
  assert.deepEqual(
    (await Promise.all(waiting)).map((write) => write.seq),
    [9, 9],
  );
});

test('the longest stall is that of one disk, however busy the other is', async () => {
  const { stream, console } = start();
  const last = console.nextWrite('disk1');
  stream.write('W disk0 1 1000 5\nW disk0 2 1400 5\nW disk0 3 1500 5\nW disk0 4 1900 5\nW disk1 1 2000 5\n');
  await last;
  assert.equal(console.longestStallMs(), 400);
});

test('a stall that began before the mark counts in full when it ends', async () => {
  const { stream, console } = start();
  let next = console.nextWrite('disk0');
  stream.write('W disk0 1 1000 5\nW disk0 2 9000 5\n');
  await next;
  console.mark();
  assert.equal(console.longestStallMs(), 0);
  next = console.nextWrite('disk0');
  stream.write('W disk0 3 9700 690\n');
  await next;
  assert.equal(console.longestStallMs(), 700);
});

test('other lines go to the listeners', async () => {
  const { stream, console } = start();
  const heard: string[] = [];
  console.onLine((line) => heard.push(line));
  const next = console.nextWrite('disk0');
  stream.write('MOUNTED disk0\r\nW disk0 1 10 5\n');
  await next;
  assert.deepEqual(heard, ['MOUNTED disk0']);
});

test('waiting for a write of a guest that ends is an error that says how it ended', async () => {
  const { end, console } = start();
  const next = console.nextWrite('disk0');
  end('SIGKILL');
  await assert.rejects(next, /SIGKILL/);
});
