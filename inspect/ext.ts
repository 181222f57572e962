/** ext2, ext3 and ext4: whether the journal holds anything that the filesystem lacks. Offsets: Linux, fs/ext4/ext4.h. */

import { countOf } from './area.ts';
import type { Area } from './area.ts';
import type { Finding } from './finding.ts';

/** Fields by their offset from the start of the filesystem; the superblock is at 1024. Little endian. */
const field = {
  blocksLow: 0x404,
  logBlockSize: 0x418,
  magic: 0x438,
  state: 0x43a,
  compat: 0x45c,
  incompat: 0x460,
  roCompat: 0x464,
  lastOrphan: 0x4e8,
  journalBackupType: 0x4fd,
  journalBlocks: 0x50c,
  blocksHigh: 0x550,
} as const;

const hasJournal = 0x4;
const orphanFile = 0x1000;
const needsRecovery = 0x4;
const journalDevice = 0x8;
const wideBlocks = 0x80;
const orphanPresent = 0x10000;
const stateClean = 0x1;
const stateErrors = 0x2;
/** What ext3 knows: anything else makes it an ext4. */
const ext3Incompat = 0x2 | 0x4 | 0x10;
const ext3RoCompat = 0x1 | 0x2 | 0x4;

/** Magic at the head of an extent tree's node, and how deep ext4 lets a tree grow. */
const extentMagic = 0xf30a;
const deepestTree = 5;

/** Big endian, fields of struct journal_superblock_s (Linux, include/linux/jbd2.h). */
const journalMagic = 0xc03b3998;

export function isExt(head: Buffer): boolean {
  return head.length >= 2048 && head.readUInt16LE(field.magic) === 0xef53;
}

/** @throws Error when a structure does not fit; the caller takes that as "not shown clean". */
export async function inspectExt(head: Buffer, area: Area): Promise<Finding> {
  const compat = head.readUInt32LE(field.compat);
  const incompat = head.readUInt32LE(field.incompat);
  const roCompat = head.readUInt32LE(field.roCompat);
  const journalled = (compat & hasJournal) !== 0;
  const type = (incompat & ~ext3Incompat) !== 0 || (roCompat & ~ext3RoCompat) !== 0 ? 'ext4' : journalled ? 'ext3' : 'ext2';
  const notInspected = (evidence: string): Finding => ({ type, result: 'not-inspected', evidence });
  const judged = (clean: boolean, evidence: string): Finding => ({
    type,
    result: clean ? 'clean' : 'dirty',
    evidence: evidence + orphanNote(head, compat, roCompat),
  });

  if ((incompat & journalDevice) !== 0) return notInspected('a journal device of another filesystem');
  const blockSize = blockSizeOf(head);
  const blocks =
    BigInt(head.readUInt32LE(field.blocksLow)) +
    ((incompat & wideBlocks) !== 0 ? BigInt(head.readUInt32LE(field.blocksHigh)) << 32n : 0n);
  if (countOf(blocks) * blockSize > area.length) {
    return judged(false, `its ${blocks} blocks of ${blockSize} bytes do not fit into ${area.length} bytes`);
  }
  const state = head.readUInt16LE(field.state);
  // The kernel found damage in the filesystem before the freeze: e2fsck has to look at it, however quiet the journal is.
  if ((state & stateErrors) !== 0) return judged(false, 's_state records errors');
  // Without a journal the state is all there is. A freeze does not set it, so only an unmounted filesystem is shown clean.
  if (!journalled)
    return judged((state & stateClean) !== 0, `no journal, s_state ${(state & stateClean) !== 0 ? 'clean' : 'not clean'}`);
  if ((incompat & needsRecovery) !== 0) return judged(false, 'RECOVER set');
  // With an external journal s_journal_inum is 0 and the superblock keeps no copy of journal blocks.
  if (head[field.journalBackupType] !== 1) return notInspected('RECOVER clear, but the journal is not in this filesystem');

  const journal = await journalBlock(head, area, blockSize);
  const superblock = await area.read(journal * blockSize, 1024);
  if (superblock.readUInt32BE(0) !== journalMagic) throw new Error(`no journal superblock in block ${journal}`);
  const start = superblock.readUInt32BE(0x1c);
  const errno = superblock.readInt32BE(0x20);
  return judged(start === 0 && errno === 0, `RECOVER clear, s_start ${start}${errno === 0 ? '' : `, s_errno ${errno}`}`);
}

/** Files that were deleted while open: legitimate in a frozen copy, but e2fsck then has something to say. */
function orphanNote(head: Buffer, compat: number, roCompat: number): string {
  const inFile = (compat & orphanFile) !== 0 && (roCompat & orphanPresent) !== 0;
  return inFile || head.readUInt32LE(field.lastOrphan) !== 0 ? ', orphans present' : '';
}

/** 1 KiB to 64 KiB. */
function blockSizeOf(head: Buffer): number {
  const log = head.readUInt32LE(field.logBlockSize);
  if (log > 6) throw new Error(`block size 1024 << ${log}`);
  return 1024 << log;
}

/**
 * First block of the journal, from the superblock's copy of its inode's i_block: the root of an extent tree, or ext3's map whose
 * first entry is that block. A journal of 1 GiB takes more extents than the root holds, so the tree is followed down.
 */
async function journalBlock(head: Buffer, area: Area, blockSize: number): Promise<number> {
  let node = head.subarray(field.journalBlocks, field.journalBlocks + 60);
  if (node.readUInt16LE(0) !== extentMagic) return node.readUInt32LE(0);
  for (let depth = node.readUInt16LE(6); ; depth--) {
    if (node.readUInt16LE(0) !== extentMagic || node.readUInt16LE(2) === 0 || node.readUInt32LE(12) !== 0) {
      throw new Error('the extents of the journal do not begin at its block 0');
    }
    if (depth > deepestTree || node.readUInt16LE(6) !== depth) throw new Error(`extent tree of depth ${depth}`);
    if (depth === 0) return node.readUInt32LE(20) + node.readUInt16LE(18) * 2 ** 32;
    node = await area.read((node.readUInt32LE(16) + node.readUInt16LE(20) * 2 ** 32) * blockSize, blockSize);
  }
}
