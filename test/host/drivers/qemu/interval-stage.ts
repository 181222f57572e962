/** A guest whose every write is known, on a QEMU that may end at any time; and what its exports say has changed. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Guest, PointExports } from '../../../../host/drivers/driver.ts';
import { createQemuDriver } from '../../../../host/drivers/qemu/driver.ts';
import { startMonitorProxy, type MonitorProxy } from '../../../../infra/lab/monitor-proxy.ts';
import { run } from '../../../../lib/run.ts';
import { backupId, guestId, type BackupId } from '../../../../model/ids.ts';
import { startBareQemu, type BareQemu } from '../../../fixtures/qemu.ts';
import { temporaryFolder } from '../../../support/folder.ts';

export const mib = 2 ** 20;
export const blockBytes = 65_536;
export const repository = 'r-1';
const uuid = '5f1c0f4e-52a7-4cf2-8f0a-6d2c1a3b4c5d';

export interface IntervalStage {
  qemu: BareQemu;
  points: ReturnType<typeof createQemuDriver>['pointInTime'];
  guest: Guest;
  stateDir: string;
  /** Another worker on the same state. */
  restartWorker(): Promise<void>;
  /** The same guest in another QEMU process. */
  startAgain(how: 'quit' | 'kill'): Promise<void>;
  newBackup(): BackupId;
  /** Takes a point in time and gives its exports; ends and settles with `finish`. */
  take(backup: BackupId): Promise<PointExports>;
  finish(backup: BackupId, committed: boolean): Promise<void>;
  /** A whole backup; what its exports said of each disk's changes. */
  backUp(committed?: boolean): Promise<PointExports['disks'][number]['interval'][]>;
}

export async function intervalStage(t: TestContext, formats: ('raw' | 'qcow2')[], extra: string[] = []): Promise<IntervalStage> {
  const directory = await temporaryFolder(t);
  const root = await temporaryFolder(t);
  const start = () => startBareQemu(t, { directory, uuid, formats, extra, disks: formats.map(() => 4) });
  let backups = 0;
  let proxy: MonitorProxy | undefined;
  t.after(() => proxy?.close());
  const stage = { stateDir: join(root, 'state'), qemu: await start() } as IntervalStage;
  const guests = [
    { kind: 'listed' as const, name: 'db1', id: undefined, channel: 'none', monitor: join(root, 'monitor'), carries: [] },
  ];
  const scratch = { path: join(root, 'scratch'), limitBytes: undefined, marginBytes: mib };
  Object.assign(stage, {
    async restartWorker() {
      // As the kernel does for a worker that dies.
      await proxy?.close();
      proxy = await startMonitorProxy(guests[0]!.monitor, stage.qemu.monitor);
      const driver = createQemuDriver({ config: { guests, scratch }, stateDir: stage.stateDir, log: () => {} });
      stage.guest = await driver.guest(guestId(uuid));
      stage.points = driver.pointInTime;
    },
    async startAgain(how) {
      await stage.qemu[how]();
      stage.qemu = await start();
      await stage.restartWorker();
    },
    newBackup: () => backupId(`20260101T020000-${(++backups).toString(16).padStart(8, '0')}`),
    async take(backup) {
      await (await stage.points.prepare(stage.guest, backup, repository)).begin();
      return stage.points.exports(stage.guest, backup);
    },
    async finish(backup, committed) {
      if (committed) await stage.points.settle(stage.guest.id, backup, true);
      await stage.points.end(stage.guest.id, { backup });
      await stage.points.settle(stage.guest.id, backup, false);
    },
    async backUp(committed = true) {
      const backup = stage.newBackup();
      const exports = await stage.take(backup);
      await exports.close();
      await stage.finish(backup, committed);
      return exports.disks.map(({ interval }) => interval);
    },
  } satisfies Partial<IntervalStage>);
  await stage.restartWorker();
  return stage;
}

/** Blocks of 64 KiB that the export of a disk reports as changed. */
export async function changedBlocks(exports: PointExports, disk: string, bitmap: string): Promise<Set<number>> {
  const place = `driver=nbd,server.type=unix,server.path=/proc/self/fd/3,export=${disk}`;
  const options = `${place},x-dirty-bitmap=qemu:dirty-bitmap:${bitmap}`;
  const text = await run(['qemu-img', 'map', '--output=json', '--image-opts', options], { descriptors: [exports.socket] });
  const blocks = new Set<number>();
  for (const { start, length, data } of JSON.parse(text) as { start: number; length: number; data: boolean }[]) {
    // A changed extent shows as one without data.
    for (let at = start; !data && at < start + length; at += blockBytes) blocks.add(at / blockBytes);
  }
  return blocks;
}

/** What a reader of the export sees. */
export async function contentOf(t: TestContext, exports: PointExports, disk: string): Promise<Buffer> {
  const path = join(await temporaryFolder(t), disk);
  const uri = `nbd+unix:///${disk}?socket=/proc/self/fd/3`;
  await run(['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, path], { descriptors: [exports.socket] });
  return readFile(path);
}
