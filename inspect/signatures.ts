/** Formats that are known by their mark alone: named, not inspected. Offsets as in libblkid's superblock probers. */

import type { Area } from './area.ts';

/** Every mark at the front of an area is within these bytes: the last one is that of swap with 64 KiB pages and btrfs. */
export const headBytes = 128 * 1024;

interface Mark {
  type: string;
  evidence: string;
  /** All of them must match. */
  at: [offset: number, bytes: string][];
}

const boot: [number, string] = [510, '\x55\xaa'];
const md = '\xfc\x4e\x2b\xa9';

/** Containers first: their own headers describe what is inside. Strings are Latin-1. */
const marks: Mark[] = [
  { type: 'luks', evidence: 'LUKS1 header', at: [[0, 'LUKS\xba\xbe\x00\x01']] },
  { type: 'luks', evidence: 'LUKS2 header', at: [[0, 'LUKS\xba\xbe\x00\x02']] },
  ...[0, 512, 1024, 1536].map((sector): Mark => ({
    type: 'lvm',
    evidence: 'LVM2 physical volume',
    at: [
      [sector, 'LABELONE'],
      [sector + 24, 'LVM2 001'],
    ],
  })),
  { type: 'md', evidence: 'md raid 1.1 superblock', at: [[0, md]] },
  { type: 'md', evidence: 'md raid 1.2 superblock', at: [[4096, md]] },
  { type: 'qcow2', evidence: 'qcow2 header', at: [[0, 'QFI\xfb']] },
  { type: 'btrfs', evidence: 'btrfs superblock', at: [[0x10040, '_BHRfS_M']] },
  {
    type: 'bcachefs',
    evidence: 'bcachefs superblock',
    at: [[4096 + 24, '\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81']],
  },
  { type: 'f2fs', evidence: 'f2fs superblock', at: [[1024, '\x10\x20\xf5\xf2']] },
  { type: 'erofs', evidence: 'erofs superblock', at: [[1024, '\xe2\xe1\xf5\xe0']] },
  { type: 'squashfs', evidence: 'squashfs superblock', at: [[0, 'hsqs']] },
  { type: 'jfs', evidence: 'JFS superblock', at: [[0x8000, 'JFS1']] },
  { type: 'iso9660', evidence: 'ISO 9660 volume descriptor', at: [[0x8001, 'CD001']] },
  { type: 'udf', evidence: 'UDF volume recognition', at: [[0x8001, 'BEA01']] },
  { type: 'ntfs', evidence: 'NTFS boot sector', at: [boot, [3, 'NTFS    ']] },
  { type: 'exfat', evidence: 'exFAT boot sector', at: [boot, [3, 'EXFAT   ']] },
  { type: 'vfat', evidence: 'FAT32 boot sector', at: [boot, [0x52, 'FAT32   ']] },
  { type: 'vfat', evidence: 'FAT16 boot sector', at: [boot, [0x36, 'FAT16   ']] },
  { type: 'vfat', evidence: 'FAT12 boot sector', at: [boot, [0x36, 'FAT12   ']] },
];

/** Page sizes of Linux: swap has its mark in the last ten bytes of the first page. */
const pageSizes = [4096, 8192, 16384, 65536];

/** `head` is the front of `area`. Null when no mark matches. */
export async function recognise(head: Buffer, area: Area): Promise<{ type: string; evidence: string } | 'swap' | null> {
  const mark = marks.find(({ at }) => at.every(([offset, bytes]) => has(head, offset, bytes)));
  if (mark !== undefined) return mark;
  if (pageSizes.some((size) => has(head, size - 10, 'SWAPSPACE2') || has(head, size - 10, 'SWAP-SPACE'))) return 'swap';
  return (await hasMdAtEnd(area)) ? { type: 'md', evidence: 'md raid superblock at the end' } : null;
}

/** Whether the boot sector in `head` is that of a filesystem, which has the mark of a partition table too. */
export function isBootSectorOfFilesystem(head: Buffer): boolean {
  return marks.some(({ at }) => at[0] === boot && at.every(([offset, bytes]) => has(head, offset, bytes)));
}

/** md(4): version 1.0 is 8 to 12 KiB before the end on a 4 KiB boundary, 0.90 in the last whole 64 KiB. */
async function hasMdAtEnd(area: Area): Promise<boolean> {
  const places = [Math.floor((area.length - 8192) / 4096) * 4096, Math.floor(area.length / 65536) * 65536 - 65536];
  for (const place of places) {
    if (place > 0 && has(await area.read(place, md.length), 0, md)) return true;
  }
  return false;
}

function has(bytes: Buffer, offset: number, mark: string): boolean {
  return bytes.length >= offset + mark.length && bytes.toString('latin1', offset, offset + mark.length) === mark;
}
