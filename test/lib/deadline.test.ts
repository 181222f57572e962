/** A wait that ends: what comes first counts, and nothing of the wait is left behind. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../../lib/deadline.ts';
import { run } from '../../lib/run.ts';

const never = () => assert.fail('the deadline was not to come');

test('work that ends in time gives its value or its own error', async () => {
  assert.equal(await withDeadline(Promise.resolve(7), 60_000, never), 7);
  await assert.rejects(withDeadline(Promise.reject(new Error('own')), 60_000, never), /own/);
});

test('work that takes longer fails with the error of the deadline, which is made only then', async () => {
  let made = 0;
  const late = () => new Error(`late ${++made}`);
  await withDeadline(Promise.resolve(), 1, late);
  await assert.rejects(withDeadline(new Promise(() => {}), 1, late), /late 1/);
});

test('work that fails after its deadline does not end the process', async () => {
  const work = Promise.withResolvers<void>();
  await assert.rejects(
    withDeadline(work.promise, 1, () => new Error('late')),
    /late/,
  );
  work.reject(new Error('too late to matter'));
  await new Promise(setImmediate);
});

test('a deadline that was not needed does not keep the process', async () => {
  const module = new URL('../../lib/deadline.ts', import.meta.url).href;
  const script = `const { withDeadline } = await import(${JSON.stringify(module)});
    console.log(await withDeadline(Promise.resolve('done'), 2 ** 31 - 1, () => new Error()));`;
  assert.equal(await run([process.execPath, '--input-type=module', '--eval', script]), 'done\n');
});
