import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openMonitor } from '../../../host/channel/monitor.ts';
import { startMonitorProxy } from '../../../infra/lab/monitor-proxy.ts';
import { startFakeMonitor } from '../../fakes/fake-monitor.ts';
import { makeFolder } from '../../support/folder.ts';

async function proxied(t: TestContext) {
  const directory = await makeFolder();
  const qemu = await startFakeMonitor();
  const proxy = await startMonitorProxy(join(directory, 'proxy.sock'), qemu.path);
  t.after(async () => {
    await proxy.close();
    await qemu.stop();
    await rm(directory, { recursive: true });
  });
  return { directory, qemu, proxy };
}

test('without a hold, commands, replies and events pass', async (t) => {
  const { qemu, proxy } = await proxied(t);
  qemu.on('query-status', () => ({ status: 'running' }));
  const monitor = await openMonitor({ path: proxy.path });
  const event = new Promise((resolve) => monitor.onEvent(({ name }) => resolve(name)));
  assert.equal(((await monitor.execute('query-status')) as { status: string }).status, 'running');
  qemu.emit('STOP');
  assert.equal(await event, 'STOP');
  monitor.close();
});

test('a held command reaches QEMU only after its release, and what was sent behind it comes behind it', async (t) => {
  const { qemu, proxy } = await proxied(t);
  for (const command of ['transaction', 'query-status']) qemu.on(command, () => ({}));
  const monitor = await openMonitor({ path: proxy.path });
  const hold = proxy.hold('transaction');
  const replies = [monitor.execute('transaction', { actions: [] }), monitor.execute('query-status')];
  await hold.seen;
  assert.deepEqual(qemu.came, ['qmp_capabilities']);
  hold.release();
  await Promise.all(replies);
  assert.deepEqual(qemu.came, ['qmp_capabilities', 'transaction', 'query-status']);
  monitor.close();
});

test('a hold takes one command: the next of the same name passes', async (t) => {
  const { qemu, proxy } = await proxied(t);
  qemu.on('transaction', () => ({}));
  const monitor = await openMonitor({ path: proxy.path });
  const hold = proxy.hold('transaction');
  const first = monitor.execute('transaction');
  await hold.seen;
  hold.release();
  await first;
  await monitor.execute('transaction');
  assert.deepEqual(qemu.came, ['qmp_capabilities', 'transaction', 'transaction']);
  monitor.close();
});

test('a held command whose client has left never reaches QEMU', async (t) => {
  const { qemu, proxy } = await proxied(t);
  const monitor = await openMonitor({ path: proxy.path });
  const hold = proxy.hold('transaction');
  const lost = assert.rejects(monitor.execute('transaction'));
  await hold.seen;
  monitor.close();
  await lost;
  // QEMU serves one client at a time: that it serves the next one shows that the first is gone.
  const next = await openMonitor({ path: proxy.path });
  hold.release();
  qemu.on('query-status', () => ({}));
  await next.execute('query-status');
  assert.deepEqual(qemu.came, ['qmp_capabilities', 'qmp_capabilities', 'query-status']);
  next.close();
});

test('a closed proxy leaves no socket', async () => {
  const directory = await makeFolder();
  const proxy = await startMonitorProxy(join(directory, 'proxy.sock'), '/nowhere');
  await proxy.close();
  assert.deepEqual(await readdir(directory), []);
  await rm(directory, { recursive: true });
});
