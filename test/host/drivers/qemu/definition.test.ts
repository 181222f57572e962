/** What a real QEMU says of its guest, and a line that makes the same guest again. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { queryDefinition } from '../../../../host/drivers/qemu/definition.ts';
import { queryDisks } from '../../../../host/drivers/qemu/identify.ts';
import { openMonitor } from '../../../../host/channel/monitor.ts';
import type { Monitor } from '../../../../host/channel/types.ts';
import { bootLine } from '../../../../model/guest/boot-line.ts';
import { startBareQemu } from '../../../fixtures/qemu.ts';
import { temporaryFolder } from '../../../support/folder.ts';

const words = (text: string) => text.split(' ');
const mac = '52:54:00:12:34:56';

async function flashGuest(t: TestContext) {
  const directory = await temporaryFolder(t);
  const [code, vars] = [join(directory, 'code.fd'), join(directory, 'vars.fd')];
  await writeFile(code, Buffer.alloc(2 ** 20, 0xf4));
  const nvram = Buffer.alloc(2 ** 18, 7);
  await writeFile(vars, nvram);
  const flash = (unit: number, path: string) => `if=pflash,unit=${unit},format=raw,file=${path}`;
  const extra = [
    '-drive',
    `${flash(0, code)},readonly=on`,
    '-drive',
    flash(1, vars),
    ...words('-object secret,id=s0,data=hunter2 -smp 4,sockets=2,cores=2,threads=1 -name db1'),
    ...words(`-netdev user,id=n0,restrict=on -device virtio-net-pci,netdev=n0,mac=${mac}`),
  ];
  const qemu = await startBareQemu(t, { directory, disks: [8, 4], extra });
  return { qemu, nvram, vars, directory };
}

it('the definition names machine, processors, memory, firmware, disks and NICs, and no secret', async (t) => {
  const { qemu, nvram, vars } = await flashGuest(t);
  const found = await queryDefinition(qemu.control, qemu.monitor);
  const { commandLine, ...definition } = found.definition;
  assert.match(definition.qemu, /^\d+\.\d+\.\d+$/);
  assert.match(definition.machine, /^pc-q35-\d/);
  assert.deepEqual(definition.cpu, { model: 'qemu64', count: 4, sockets: 2, cores: 2, threads: 1 });
  assert.equal(definition.memoryBytes, 32 * 2 ** 20);
  assert.equal(definition.uuid, qemu.uuid);
  assert.equal(definition.name, 'db1');
  assert.deepEqual(definition.nics, [{ model: 'virtio-net-pci', mac }]);
  assert.equal(definition.firmware.kind, 'uefi');
  assert.equal(definition.firmware.nvram?.file, vars);
  const { captured } = await queryDisks(qemu.control);
  assert.deepEqual(
    definition.disks,
    [8, 4].map((size, index) => ({
      // The second flash is a disk of the point in time as well.
      name: captured.find(({ device }) => device === `d${index}`)!.name,
      device: `d${index}`,
      model: 'virtio-blk-pci',
      format: 'raw',
      file: qemu.disks[index],
      bytes: size * 2 ** 20,
      readOnly: false,
    })),
  );
  assert.ok(found.nvram?.equals(nvram));
  assert.ok(commandLine?.includes('secret,id=s0,data=***'), String(commandLine));
  assert.ok(!JSON.stringify(found.definition).includes('hunter2'));
});

it('the line that boots the restored disks makes a QEMU of the same definition', async (t) => {
  const { qemu, directory, vars } = await flashGuest(t);
  const { definition } = await queryDefinition(qemu.control, qemu.monitor);
  await qemu.quit();
  const restored = definition.disks.flatMap(({ name, file }) => (name === null ? [] : [{ name, path: file }]));
  const line = bootLine(definition, { disks: restored, nvram: vars });
  const socket = join(directory, 'again.sock');
  const child = spawn('setpriv', [
    ...words('--pdeathsig KILL sh -c'),
    `exec ${line} -S -display none -qmp unix:${socket},server=on,wait=off 2>&1`,
  ]);
  const ended = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let said = '';
  child.stdout.on('data', (text: Buffer) => (said += text.toString()));
  // Its human monitor is on this serial line: it answers when all sockets are there.
  child.stdin.write('\u0001c');
  await Promise.race([once(child.stdout, 'data'), ended.then(() => assert.fail(`QEMU did not start: ${said}`))]);
  const monitor = await openMonitor({ path: socket });
  t.after(() => monitor.close());
  const { definition: again } = await queryDefinition(monitor, socket);
  const kept = ({ machine, cpu, memoryBytes, uuid, name, nics, firmware }: typeof again) => ({
    machine,
    cpu,
    memoryBytes,
    uuid,
    name,
    nics,
    kind: firmware.kind,
  });
  assert.deepEqual(kept(again), kept(definition));
  const models = ({ disks }: typeof again) => disks.map(({ model, bytes }) => ({ model, bytes }));
  assert.deepEqual(models(again), models(definition));
});

it('a QEMU that names a file which it has not opened, or a link in its place, gives no content of it', async (t) => {
  const { qemu, vars, directory } = await flashGuest(t);
  const other = join(directory, 'other');
  await writeFile(other, 'private');
  const claims = (file: string): Monitor => ({
    ...qemu.control,
    async execute(command, args) {
      const answer = await qemu.control.execute(command, args);
      return command === 'query-block'
        ? JSON.parse(JSON.stringify(answer).replaceAll(JSON.stringify(vars), JSON.stringify(file)))
        : answer;
    },
  });
  assert.equal((await queryDefinition(claims(other), qemu.monitor)).nvram, null);
  await rename(vars, `${vars}.old`);
  await symlink(other, vars);
  assert.equal((await queryDefinition(qemu.control, qemu.monitor)).nvram, null);
});
