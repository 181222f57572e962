/** The line of a shell that boots the restored disks of a guest, by its definition; pure. */

import type { GuestDefinition } from './definition.ts';

export interface RestoredFiles {
  /** Restored raw images, by the name of the disk in the restore point. */
  disks: readonly { name: string; path: string }[];
  /** The restored second flash image; null where there is none. */
  nvram: string | null;
}

/**
 * Disks keep their controllers and their order, and NICs their addresses, on a network of their own that reaches nothing: the original
 * may still run. What else the guest was attached to is in its command line.
 */
export function bootLine(definition: GuestDefinition, { disks, nvram }: RestoredFiles): string {
  const { target, machine, kvm, name, uuid, cpu, memoryBytes, firmware } = definition;
  const { count, sockets, cores, threads } = cpu;
  const options = [
    ['-machine', `${machine},accel=${kvm ? 'kvm' : 'tcg'}`],
    ['-cpu', cpu.model],
    ['-smp', `${count},sockets=${sockets},cores=${cores},threads=${threads}`],
    ['-m', `${Math.ceil(memoryBytes / 2 ** 20)}M`],
    ['-uuid', uuid],
    name === null ? [] : ['-name', `guest=${escapeCommas(name)}`],
  ];
  const words = [`qemu-system-${target}`, '-nodefaults', ...options.flat()];
  if (firmware.code) words.push('-drive', flash(0, firmware.code, firmware.code.file, true));
  if (firmware.nvram && nvram !== null) words.push('-drive', flash(1, firmware.nvram, nvram, false));
  const models = disks.map((disk) => definition.disks.find((each) => each.name === disk.name)?.model ?? 'virtio-blk-pci');
  if (models.some((model) => model.startsWith('scsi-'))) words.push('-device', 'virtio-scsi-pci,id=scsi0');
  for (const [index, disk] of disks.entries()) {
    const { name: node, path } = disk;
    words.push('-blockdev', JSON.stringify({ driver: 'raw', 'node-name': node, file: { driver: 'file', filename: path } }));
    words.push('-device', `${deviceOf(models[index]!, node)},drive=${node},bootindex=${index}`);
  }
  for (const [index, { model, mac }] of definition.nics.entries()) {
    words.push('-netdev', `user,id=net${index},restrict=on`, '-device', `${model},netdev=net${index},mac=${mac}`);
  }
  return [...words, ...(target === 'x86_64' ? ['-vga', 'std'] : []), '-serial', 'mon:stdio'].map(quote).join(' ');
}

function flash(unit: number, { format }: { format: string }, path: string, readOnly: boolean): string {
  return `if=pflash,unit=${unit},format=${format},file=${escapeCommas(path)}${readOnly ? ',readonly=on' : ''}`;
}

/** Devices that QEMU plugs by themselves; a disk on another one boots from virtio as well, where the guest has the driver. */
function deviceOf(model: string, node: string): string {
  if (model.startsWith('scsi-')) return 'scsi-hd,bus=scsi0.0';
  if (model.startsWith('ide-')) return 'ide-hd';
  return model === 'nvme' ? `nvme,serial=${node}` : 'virtio-blk-pci';
}

/** QEMU's lists of options end a value at a comma, unless it stands twice. */
const escapeCommas = (value: string) => value.replaceAll(',', ',,');

/** For a POSIX shell: in single quotes everything stands for itself. */
const quote = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
