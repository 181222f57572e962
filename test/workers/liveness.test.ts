/** Busy or dead: what the warden reads about real processes, and what follows from it. */

import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLiveness, isBusy, isSilentForTooLong, lookAtMainThread, type ThreadLook } from '../../workers/warden/liveness.ts';
import { temporaryFolder } from '../support/folder.ts';

/**
 * Answers each message but `spin`, at which its event loop hangs in computation until the file exists, and `hang`, at which it waits
 * for ever without computing while another thread computes. A thread as the SDK has them.
 */
const script = `
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
process.on('message', (message) => {
  if (message.spin) while (!existsSync(message.spin));
  if (message.hang) {
    new Worker('for (;;);', { eval: true }).once('online', () => {
      process.send('hangs', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
    });
  } else process.send('pong');
});
process.send('ready');
`;

async function startChild(t: TestContext): Promise<ChildProcess & { pid: number }> {
  const path = join(await temporaryFolder(t), 'child.mjs');
  await writeFile(path, script);
  const child = fork(path);
  t.after(async () => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  });
  await once(child, 'message');
  return child as ChildProcess & { pid: number };
}

/** Looks until it has seen the process busy, or not, `times` in a row. */
async function untilBusy(pid: number, wanted: boolean, times = 3): Promise<void> {
  let before: ThreadLook | undefined;
  for (let seen = 0; seen < times;) {
    const now = lookAtMainThread(pid)!;
    seen = isBusy(now, before) === wanted ? seen + 1 : 0;
    before = now;
    await delay(20);
  }
}

it('a worker whose event loop computes is busy; when it has answered it owes nothing', async (t) => {
  const child = await startChild(t);
  const liveness = createLiveness(child.pid);
  const gate = join(await temporaryFolder(t), 'gate');
  child.on('message', () => liveness.answered());
  liveness.asked();
  child.send({ spin: gate });
  await untilBusy(child.pid, true);
  assert.ok(liveness.silentMs() > 0);
  const answered = once(child, 'message');
  await writeFile(gate, '');
  await answered;
  assert.equal(liveness.silentMs(), 0);
  assert.equal(liveness.isDead(), false);
});

it('a worker that computes is taken for dead once it has owed the answer for too long', async (t) => {
  const child = await startChild(t);
  const liveness = createLiveness(child.pid);
  liveness.asked();
  child.send({ spin: join(await temporaryFolder(t), 'never') });
  await untilBusy(child.pid, true);
  while (!liveness.isDead()) await delay(100);
  await untilBusy(child.pid, true);
});

it('a worker that is stopped in the middle of its work is not busy, and is taken for dead', async (t) => {
  const child = await startChild(t);
  const liveness = createLiveness(child.pid);
  child.send({ spin: join(await temporaryFolder(t), 'never') });
  await untilBusy(child.pid, true);
  child.kill('SIGSTOP');
  await untilBusy(child.pid, false);
  liveness.asked();
  while (!liveness.isDead()) await delay(100);
});

it('a worker whose event loop waits for ever is not busy, whatever its other threads compute', async (t) => {
  const child = await startChild(t);
  const hangs = once(child, 'message');
  child.send({ hang: true });
  await hangs;
  await untilBusy(child.pid, false);
});

it('a worker that is busy may owe an answer for seconds where an idle one is dead, and neither may for ever', () => {
  assert.deepEqual([isSilentForTooLong(1_500, true), isSilentForTooLong(1_500, false)], [false, true]);
  assert.deepEqual([isSilentForTooLong(6_000, true), isSilentForTooLong(500, false)], [true, false]);
});

it('the work of a thread counts since the last look; a stopped or traced thread is never busy', () => {
  const look = (state: string, ticks: number) => ({ state, ticks });
  assert.equal(isBusy(look('S', 8), look('S', 7)), true);
  assert.equal(isBusy(look('S', 8), look('S', 8)), false);
  assert.equal(isBusy(look('S', 8), undefined), false);
  for (const state of ['T', 't']) assert.equal(isBusy(look(state, 8), look('R', 7)), false);
  for (const state of ['R', 'D']) assert.equal(isBusy(look(state, 8), look('S', 8)), true);
});
