/** What a guest is besides its disks: enough to boot what was restored of them. All text in it is QEMU's: escape it where it is shown. */

import { count, exactly, list, matching, oneOf, orNull, text, truth, type Check } from '../check.ts';

export interface DefinedDisk {
  /** As in the restore point; null for one that a restore point does not hold. */
  name: string | null;
  /** QEMU's node or device name. */
  device: string;
  /** Type of the device that the guest sees, as QEMU names it: `virtio-blk-pci`, `scsi-hd`. */
  model: string;
  format: string;
  /** The image on the host. */
  file: string;
  bytes: number;
  readOnly: boolean;
}

export interface GuestDefinition {
  format: 1;
  /** Version of QEMU, `7.2.22`. */
  qemu: string;
  /** What it emulates, `x86_64`. */
  target: string;
  /** `pc-q35-7.2`. */
  machine: string;
  kvm: boolean;
  name: string | null;
  uuid: string;
  cpu: { model: string; count: number; sockets: number; cores: number; threads: number };
  memoryBytes: number;
  /** `uefi` where the firmware is on flash. `code` and `nvram` are its two images; `nvram` comes with the restore point. */
  firmware: { kind: 'bios' | 'uefi'; code: DefinedFlash | null; nvram: DefinedFlash | null };
  disks: DefinedDisk[];
  nics: { model: string; mac: string }[];
  /** The words that QEMU was started with, without secrets; null where they could not be read. */
  commandLine: string[] | null;
}

export interface DefinedFlash {
  file: string;
  format: string;
}

/** Of the JSON of a definition: a command line is bounded by 128 KiB a word (execve(2), MAX_ARG_STRLEN), and real ones have a few KiB. */
export const mostDefinitionBytes = 2 ** 20;

const word = matching('a word of at most 255 characters', /^[\w.+:-]{1,255}$/);
const flash: Check<DefinedFlash> = exactly({ file: text, format: word });

/** @throws Error with a sentence that names the field */
export const definitionCheck: Check<GuestDefinition> = exactly<GuestDefinition>({
  format: oneOf(1),
  qemu: word,
  target: word,
  machine: word,
  kvm: truth,
  name: orNull(text),
  uuid: matching('a UUID', /^[0-9a-fA-F-]{36}$/),
  cpu: exactly({ model: word, count, sockets: count, cores: count, threads: count }),
  memoryBytes: count,
  firmware: exactly({ kind: oneOf('bios', 'uefi'), code: orNull(flash), nvram: orNull(flash) }),
  disks: list(
    exactly<DefinedDisk>({
      name: orNull(matching('a disk', /^disk\d+$/)),
      device: text,
      model: word,
      format: word,
      file: text,
      bytes: count,
      readOnly: truth,
    }),
  ),
  nics: list(exactly({ model: word, mac: matching('a MAC address', /^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$/) })),
  commandLine: orNull(list(text)),
});
