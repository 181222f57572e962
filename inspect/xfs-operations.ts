/** The operations inside a record of an XFS log: do they write anything but the superblock? */

/** Operation header, big endian: transaction u32, length u32, client u8, flags u8, reserved u16. */
const headerBytes = 12;
const flag = { start: 0x01, commit: 0x02, continued: 0x04, wasContinued: 0x08, unmount: 0x20 } as const;

/** Log items, struct xfs_buf_log_format: type u16, regions u16, flags u16, length u16, block s64; the guest's own byte order. */
const bufferItem = 0x123c;
const itemNames: Record<number, string> = {
  0x1236: 'extent free intent',
  0x1237: 'extent free done',
  0x123b: 'inode',
  0x123c: 'buffer',
  0x123d: 'dquot',
  0x123e: 'quotaoff',
  0x123f: 'inode create',
  0x1240: 'rmap intent',
  0x1241: 'rmap done',
  0x1242: 'refcount intent',
  0x1243: 'refcount done',
  0x1244: 'bmap intent',
  0x1245: 'bmap done',
  0x1246: 'attribute intent',
  0x1247: 'attribute done',
};

/** A transaction is a start operation, its header (`TRAN`), items of one or more regions each, and a commit operation. */
export interface Operations {
  /** There is an unmount operation; it changes nothing. */
  unmount: boolean;
  /** The first thing that is neither the superblock's buffer nor the frame of a transaction; null when there is none. */
  other: string | null;
}

/** Strict on purpose: what cannot be read for certain as the superblock's buffer counts as `other`. */
export function walkOperations(data: Buffer, count: number): Operations {
  let unmount = false;
  let littleEndian: boolean | null = null;
  let regionsLeft = 0;
  let offset = 0;
  const other = (what: string): Operations => ({ unmount, other: what });
  for (let index = 0; index < count; index++) {
    if (offset + headerBytes > data.length) return other('an operation beyond the record');
    const length = data.readUInt32BE(offset + 4);
    const flags = data[offset + 9]!;
    const body = data.subarray(offset + headerBytes, offset + headerBytes + length);
    if (body.length < length) return other('an operation beyond the record');
    offset += headerBytes + length;

    if ((flags & flag.unmount) !== 0) unmount = true;
    else if ((flags & (flag.continued | flag.wasContinued)) !== 0) return other('a transaction across records');
    else if (length === 0) {
      if (regionsLeft > 0) return other('a broken item');
      if ((flags & flag.commit) !== 0) littleEndian = null;
    } else if (regionsLeft > 0) regionsLeft--;
    else if (littleEndian === null) {
      littleEndian = byteOrder(body);
      if (littleEndian === null) return other('an operation outside of a transaction');
    } else {
      const item = superblockItem(body, littleEndian);
      if (typeof item === 'string') return other(item);
      regionsLeft = item.regions - 1;
    }
  }
  return regionsLeft > 0 || littleEndian !== null ? other('an unfinished transaction') : { unmount, other: null };
}

/** The header's magic is written in the guest's byte order. Null when the body is not a header. */
function byteOrder(body: Buffer): boolean | null {
  const magic = body.toString('latin1', 0, 4);
  return magic === 'NART' ? true : magic === 'TRAN' ? false : null;
}

/** The item's number of regions (itself included) when it is the buffer at disk address 0, else what it is. */
function superblockItem(body: Buffer, littleEndian: boolean): { regions: number } | string {
  if (body.length < 16) return `an item of ${body.length} bytes`;
  const type = littleEndian ? body.readUInt16LE(0) : body.readUInt16BE(0);
  if (type !== bufferItem) return itemNames[type] ?? `item 0x${type.toString(16)}`;
  const address = littleEndian ? body.readBigInt64LE(8) : body.readBigInt64BE(8);
  if (address !== 0n) return `buffer ${address}`;
  const regions = littleEndian ? body.readUInt16LE(2) : body.readUInt16BE(2);
  return regions === 0 ? 'a broken item' : { regions };
}
