/** A guest costs only itself: windows of a good guest beside hostile ones, in a process that is watched as the warden watches the worker. */

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { startAgentsApart } from '../fakes/agents-apart.ts';
import { assertThawed, request, setStage, verdict } from '../host/window/stage.ts';
import { openNeighbour } from '../support/neighbour.ts';

/** Resolves when every one of them has answered its thaw twice with a flood, and is still owed a thaw. */
async function flooded(t: TestContext): Promise<void> {
  const hostile = await startAgentsApart('hostile');
  const neighbours = await Promise.all(hostile.paths.map((path, n) => openNeighbour(`evil${n}`, path)));
  t.after(async () => {
    await Promise.all(neighbours.map((neighbour) => neighbour.close()));
    await hostile.stop();
  });
  await Promise.all(neighbours.map(({ refused }) => refused));
  for (const { isOwed } of neighbours) assert.equal(await isOwed(), true);
}

/** A process that watches this one; `deaths` ends it. */
async function watchUs(t: TestContext): Promise<{ deaths(): Promise<number> }> {
  const watcher = fork(join(import.meta.dirname, 'watcher-main.ts'));
  t.after(() => watcher.kill('SIGKILL'));
  const exited = once(watcher, 'exit');
  const report = Promise.withResolvers<number>();
  watcher.on('message', (message: { kind: 'ping' } | { kind: 'deaths'; deaths: number }) => {
    if (message.kind === 'deaths') report.resolve(message.deaths);
    else watcher.send('pong');
  });
  await once(watcher, 'message');
  return {
    async deaths() {
      watcher.send('end');
      const deaths = await report.promise;
      await exited;
      return deaths;
    },
  };
}

const held = { closing: 'status-thawed', reasons: [], point: false };

it('a held window beside guests that flood their thaws is open until its owner ends it, and the worker is never taken for dead', async (t) => {
  const watcher = await watchUs(t);
  const stage = await setStage(t);
  await stage.windows.freeze(request);
  await flooded(t);
  assert.equal((await stage.windows.status(request.guest))?.epoch, 1);
  assert.deepEqual(verdict(await stage.windows.thaw(request)), { ...held, thawedBy: 'window', failure: 'window-lost' });
  await assertThawed(stage);
  assert.equal(await watcher.deaths(), 0);
});

it('a held window beside guests that flood their thaws runs its full lease and is ended by it, and the worker is never taken for dead', async (t) => {
  const watcher = await watchUs(t);
  await flooded(t);
  const stage = await setStage(t);
  const thawed = stage.agent.takesUp('guest-fsfreeze-thaw');
  await stage.windows.freeze({ ...request, leaseMs: 2_000 });
  await thawed;
  const outcome = await stage.windows.thaw(request);
  assert.deepEqual(verdict(outcome), { ...held, thawedBy: 'lease', failure: 'lease-expired' });
  await assertThawed(stage);
  assert.equal(await watcher.deaths(), 0);
});
