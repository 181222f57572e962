import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootLine } from '../../../model/guest/boot-line.ts';
import { definitionCheck, type GuestDefinition } from '../../../model/guest/definition.ts';

const definition: GuestDefinition = {
  format: 1,
  qemu: '7.2.22',
  target: 'x86_64',
  machine: 'pc-q35-7.2',
  kvm: true,
  name: "anna's, db",
  uuid: '5f1c0f4e-52a7-4cf2-8f0a-6d2c1a3b4c5d',
  cpu: { model: 'host', count: 2, sockets: 1, cores: 2, threads: 1 },
  memoryBytes: 512 * 2 ** 20,
  firmware: { kind: 'uefi', code: { file: '/fw/code.fd', format: 'raw' }, nvram: { file: '/vars.fd', format: 'raw' } },
  disks: [
    { name: 'disk0', device: 'd0', model: 'scsi-hd', format: 'qcow2', file: '/d0.qcow2', bytes: 1, readOnly: false },
    { name: null, device: 'cd', model: 'scsi-cd', format: 'raw', file: '/cd.iso', bytes: 1, readOnly: true },
  ],
  nics: [{ model: 'virtio-net-pci', mac: '52:54:00:12:34:56' }],
  commandLine: null,
};

test('the line keeps machine, controllers and addresses, in words that a shell takes as they are', () => {
  const line = bootLine(definition, { disks: [{ name: 'disk0', path: '/r/a b.raw' }], nvram: '/r/vars,1.fd' });
  for (const part of [
    'qemu-system-x86_64 -nodefaults -machine pc-q35-7.2,accel=kvm -cpu host -smp 2,sockets=1,cores=2,threads=1 -m 512M',
    `-name 'guest=anna'\\''s,, db'`,
    '-drive if=pflash,unit=0,format=raw,file=/fw/code.fd,readonly=on -drive if=pflash,unit=1,format=raw,file=/r/vars,,1.fd',
    `-device virtio-scsi-pci,id=scsi0 -blockdev '{"driver":"raw","node-name":"disk0","file":{"driver":"file","filename":"/r/a b.raw"}}'`,
    '-device scsi-hd,bus=scsi0.0,drive=disk0,bootindex=0',
    '-netdev user,id=net0,restrict=on -device virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56',
  ])
    assert.ok(line.includes(part), `${part}\nin\n${line}`);
});

test('a definition of another shape is refused with the name of the field', () => {
  assert.deepEqual(definitionCheck(definition, ''), definition);
  const machine = { ...definition, machine: 'q35,dumpdtb=/etc/passwd' };
  assert.throws(() => definitionCheck(machine, ''), /machine is "q35,dumpdtb/);
  const nics = [{ model: 'e1000,x=y', mac: '52:54:00:12:34:56' }];
  assert.throws(() => definitionCheck({ ...definition, nics }, ''), /nics\[0\]\.model/);
});
