/** Builds log records of an XFS as the kernel lays them out, and puts them into the log of a real image. */

import { read, u32be, write } from '../repository/images.ts';

export interface Place {
  cycle: number;
  block: number;
}

export interface Operation {
  flags?: number;
  body?: Buffer;
}

export interface LogGeometry {
  start: number;
  blocks: number;
}

/** From the superblock of an image whose filesystem begins at its first byte. */
export async function logGeometry(path: string): Promise<LogGeometry> {
  const sb = await read(path, 0, 512);
  const blockSize = sb.readUInt32BE(4);
  const log = sb.readBigUInt64BE(0x30);
  const shift = BigInt(sb[0x7c]!);
  const block = (log >> shift) * BigInt(sb.readUInt32BE(0x54)) + (log & ((1n << shift) - 1n));
  return { start: Number(block) * blockSize, blocks: (sb.readUInt32BE(0x60) * blockSize) / 512 };
}

/** A transaction of the superblock alone, as covering writes it: five operations. */
export function superblockTransaction({
  bigEndian = false,
  address = 0n,
  data = Buffer.alloc(128, 0x58) as Buffer,
} = {}): Operation[] {
  return [
    { flags: 0x01 },
    { body: transactionHeader(bigEndian) },
    { body: bufferItem(address, 2, bigEndian) },
    { body: data },
    { flags: 0x02 },
  ];
}

export function transactionHeader(bigEndian = false): Buffer {
  return Buffer.concat([Buffer.from(bigEndian ? 'TRAN' : 'NART'), Buffer.alloc(12)]);
}

export function bufferItem(address: bigint, regions: number, bigEndian = false): Buffer {
  const body = Buffer.alloc(24);
  body[bigEndian ? 'writeUInt16BE' : 'writeUInt16LE'](0x123c, 0);
  body[bigEndian ? 'writeUInt16BE' : 'writeUInt16LE'](regions, 2);
  body[bigEndian ? 'writeBigInt64BE' : 'writeBigInt64LE'](address, 8);
  return body;
}

export function item(type: number): Buffer {
  const body = Buffer.alloc(56);
  body.writeUInt16LE(type, 0);
  body.writeUInt16LE(1, 2);
  return body;
}

/** Where the next record goes, once this one is written. */
export async function writeRecord(
  path: string,
  log: LogGeometry,
  at: Place,
  tail: Place,
  operations: Operation[],
  size = 32 * 1024,
): Promise<Place> {
  const packed = operations.map(({ flags = 0, body = Buffer.alloc(0) }) =>
    Buffer.concat([u32be(0x1234), u32be(body.length), Buffer.from([0x69, flags, 0, 0]), body]),
  );
  const content = Buffer.concat(packed);
  const data = Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
  const headers = Buffer.alloc(Math.ceil(size / 32768) * 512);
  headers.writeUInt32BE(0xfeedbabe, 0);
  headers.writeUInt32BE(at.cycle, 4);
  headers.writeUInt32BE(2, 8);
  headers.writeUInt32BE(data.length, 12);
  headers.writeUInt32BE(at.cycle, 16);
  headers.writeUInt32BE(at.block, 20);
  headers.writeUInt32BE(tail.cycle, 24);
  headers.writeUInt32BE(tail.block, 28);
  headers.writeUInt32BE(operations.length, 40);
  headers.writeUInt32BE(size, 320);
  for (let extension = 512; extension < headers.length; extension += 512) headers.writeUInt32BE(at.cycle, extension);
  for (let block = 0; block * 512 < data.length; block++) {
    const kept = block < 64 ? 44 + block * 4 : Math.floor(block / 64) * 512 + 4 + (block % 64) * 4;
    data.copy(headers, kept, block * 512, block * 512 + 4);
    data.writeUInt32BE(at.cycle, block * 512);
  }
  const record = Buffer.concat([headers, data]);
  const here = Math.min(record.length, (log.blocks - at.block) * 512);
  await write(path, log.start + at.block * 512, record.subarray(0, here));
  await write(path, log.start, record.subarray(here));
  const next = at.block + record.length / 512;
  return next >= log.blocks ? { cycle: at.cycle + 1, block: next - log.blocks } : { cycle: at.cycle, block: next };
}
