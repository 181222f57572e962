/** A guest that QEMU stopped for want of room in our scratch runs on; one that was stopped otherwise stays as it is. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openMonitor } from '../../../../host/channel/monitor.ts';
import type { PointRecord } from '../../../../host/drivers/qemu/records.ts';
import { watchScratch } from '../../../../host/drivers/qemu/scratch-watch.ts';
import { backupId, guestId } from '../../../../model/ids.ts';
import { startFakeMonitor } from '../../../fakes/fake-monitor.ts';

const disk = {
  name: 'disk0',
  device: 'd0',
  node: 'd0',
  bytes: 1024,
  scratch: 's',
  file: 'f',
  job: 'j',
  export: 'e',
  interval: { full: 'no-interval' as const },
};
const record: PointRecord = {
  backup: backupId('20260101T020000-1a2b3c4d'),
  guest: guestId('db1'),
  monitor: '/m',
  directory: '/s',
  socket: '/s/nbd',
  reservedBytes: 2048,
  thresholdBytes: 1024,
  disks: [disk],
};

/** A QEMU whose guest is in this state, and whose job of ours runs until it is cancelled. */
async function qemuThatIs(t: TestContext, status: string, threshold: number) {
  const fake = await startFakeMonitor();
  t.after(() => fake.stop());
  let isRunning = true;
  fake.on('query-status', () => ({ status }));
  fake.on('query-named-block-nodes', () => [{ 'node-name': 'f', write_threshold: threshold }]);
  fake.on('query-jobs', () => [{ id: 'j', status: isRunning ? 'running' : 'concluded' }]);
  fake.on('job-cancel', () => ((isRunning = false), {}));
  fake.on('cont', () => ({}));
  const monitor = await openMonitor({ path: fake.path });
  t.after(() => monitor.close());
  return { fake, monitor };
}

test('a guest that our full scratch has stopped while nobody watched runs on when the job is out of the way', async (t) => {
  const { fake, monitor } = await qemuThatIs(t, 'io-error', 0);
  const said = new Promise<string>((resolve) => {
    const log = (level: string, message: string) => level === 'error' && resolve(message);
    t.after(watchScratch({ monitor, release: () => {} }, record, log));
  });
  assert.match(await said, /it runs again/);
  assert.deepEqual(fake.came.slice(-4), ['job-cancel', 'query-jobs', 'query-status', 'cont']);
});

for (const [what, status, threshold] of [
  ['was paused by somebody', 'paused', 0],
  ['its own disk has stopped, with room in scratch,', 'io-error', 1024],
] as const) {
  test(`a guest that ${what} is not resumed`, async (t) => {
    const { fake, monitor } = await qemuThatIs(t, status, threshold);
    t.after(watchScratch({ monitor, release: () => {} }, record, () => {}));
    while (!fake.came.includes(threshold === 0 ? 'query-status' : 'query-named-block-nodes')) await new Promise(setImmediate);
    await monitor.execute('query-status');
    assert.ok(!fake.came.includes('cont'));
  });
}
