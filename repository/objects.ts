/**
 * How chunks, pages and blobs are stored: a header of 64 bytes, then the bytes, compressed where that makes them fewer, and encrypted where the
 * repository is. docs/105-repository-format-2.md is the contract. Synchronous: the threads of a copy do nothing else.
 */

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { StillframeError } from '../model/errors.ts';

/** HMAC-SHA256 of the raw bytes under the dedup key; 32 zero bytes stand for zeros, which are not stored. */
export type Digest = Buffer;
export const digestBytes = 32;
export const zeroDigest: Digest = Buffer.alloc(digestBytes);
export const isZeroDigest = (digest: Uint8Array): boolean => zeroDigest.equals(digest);

export const objectKinds = { chunk: 1, page: 2, blob: 3 } as const;
export type ObjectKind = keyof typeof objectKinds;

/** What the objects of one session are written with. Plain data: it goes to threads and to the process of a copy. */
export interface ObjectKeys {
  /** Id of the repository. */
  repository: string;
  /** Of the host that writes: its objects open under its own names only. */
  owner: string;
  /** 32 hex digits; zeros in a plain repository. */
  session: string;
  dedup: Uint8Array;
  /** Null in a plain repository. */
  data: Uint8Array | null;
  structure: Uint8Array | null;
}

/** What they are read with. `dedup` is null for a reader who may not see it: then the seal alone proves the object. */
export interface OpeningKeys {
  repository: string;
  owner: string;
  dedup: Uint8Array | null;
  cipher: Uint8Array | null;
}

export const plainSession = '0'.repeat(32);

const magic = Buffer.from('SFO2');
export const headerBytes = 64;
const flags = { compressed: 1, encrypted: 2 } as const;
/** Larger than a chunk, a page, and a blob of NVRAM: a header that says more is not believed. */
export const longestRaw = 64 * 1024 * 1024;
export const longestObject = longestRaw + headerBytes;
const ivAt = 32;
const tagAt = 44;

export function digestOf(raw: Uint8Array, dedup: Uint8Array): Digest {
  return createHmac('sha256', dedup).update(raw).digest();
}

/** `chunks/<owner>/<first two digits>/<digest>` */
export function objectName(kind: ObjectKind, owner: string, digest: Digest): string {
  const hex = digest.toString('hex');
  return `${kind}s/${owner}/${hex.slice(0, 2)}/${hex}`;
}

export function encodeObject(kind: ObjectKind, raw: Uint8Array, digest: Digest, keys: ObjectKeys): Buffer {
  const packed = compress(raw);
  const isSmaller = packed.length < raw.length;
  const body = isSmaller ? packed : raw;
  const cipherKey = kind === 'page' ? keys.structure : keys.data;
  const object = Buffer.alloc(headerBytes + body.length);
  magic.copy(object);
  object.writeUInt8(objectKinds[kind], 4);
  object.writeUInt8((isSmaller ? flags.compressed : 0) | (cipherKey ? flags.encrypted : 0), 5);
  object.writeUInt32BE(raw.length, 8);
  object.writeUInt32BE(body.length, 12);
  object.write(keys.session, 16, 16, 'hex');
  if (!cipherKey) {
    object.set(body, headerBytes);
    return object;
  }
  const iv = randomBytes(12);
  iv.copy(object, ivAt);
  const cipher = createCipheriv('aes-256-gcm', cipherKey, iv);
  cipher.setAAD(additionalData(object.subarray(0, headerBytes), digest, keys));
  cipher.update(body).copy(object, headerBytes);
  cipher.final();
  cipher.getAuthTag().copy(object, tagAt);
  return object;
}

/** Session that an object was written in. @throws chunk-damaged */
export function sessionOf(object: Buffer): string {
  demandHeader(object);
  return object.toString('hex', 16, 32);
}

/** The raw bytes, proven to be those of `digest`. @throws chunk-damaged */
export function decodeObject(kind: ObjectKind, object: Buffer, digest: Digest, keys: OpeningKeys): Buffer {
  demandHeader(object);
  const rawBytes = object.readUInt32BE(8);
  const isEncrypted = (object.readUInt8(5) & flags.encrypted) !== 0;
  if (object.readUInt8(4) !== objectKinds[kind]) throw damaged(`is not a ${kind}`);
  if (rawBytes > longestRaw || object.readUInt32BE(12) !== object.length - headerBytes)
    throw damaged('does not have the size that it says');
  if (isEncrypted !== (keys.cipher !== null))
    throw damaged(isEncrypted ? 'is encrypted in a plain repository' : 'is not encrypted');
  const body = object.subarray(headerBytes);
  const opened = keys.cipher ? decrypt(object, body, digest, keys.cipher, keys) : body;
  const raw = (object.readUInt8(5) & flags.compressed) !== 0 ? decompress(opened, rawBytes) : opened;
  if (raw.length !== rawBytes) throw damaged('does not have the size that it says');
  if (keys.dedup && !digestOf(raw, keys.dedup).equals(digest)) throw damaged('does not hold what its digest says');
  return raw;
}

/** A header has no bit that may be anything. */
function demandHeader(object: Buffer): void {
  if (object.length < headerBytes || !object.subarray(0, 4).equals(magic)) throw damaged('has no header of format 2');
  const set = object.readUInt8(5);
  const isEncrypted = (set & flags.encrypted) !== 0;
  const reserved = [object.subarray(6, 8), object.subarray(60, headerBytes), ...(isEncrypted ? [] : [object.subarray(16, 60)])];
  if ((set & ~(flags.compressed | flags.encrypted)) !== 0 || reserved.some((bytes) => bytes.some((byte) => byte !== 0)))
    throw damaged('has a header that this version does not know');
}

function decrypt(object: Buffer, body: Buffer, digest: Digest, key: Uint8Array, of: Place): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, object.subarray(ivAt, ivAt + 12));
  decipher.setAuthTag(object.subarray(tagAt, tagAt + 16));
  const header = Buffer.from(object.subarray(0, headerBytes));
  header.fill(0, tagAt, tagAt + 16);
  decipher.setAAD(additionalData(header, digest, of));
  const opened = decipher.update(body);
  try {
    decipher.final();
  } catch {
    throw damaged('was altered, or belongs elsewhere');
  }
  return opened;
}

type Place = Pick<OpeningKeys, 'repository' | 'owner'>;

/**
 * With the owner, since a host could otherwise copy the objects of another, which it cannot read, under its own names, and be given their content by
 * a restore of its own point.
 */
const additionalData = (header: Buffer, digest: Digest, { repository, owner }: Place) =>
  Buffer.concat([header, digest, Buffer.from(`${repository}\n${owner}`)]);

/** Node's default output pieces cost a fifth of the speed (measured: 507 against 420 MiB/s); one piece holds the worst case. */
function compress(raw: Uint8Array): Buffer {
  const worst = raw.length + (raw.length >> 8) + 128;
  return zstdCompressSync(raw, { chunkSize: Math.max(64, worst), params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

function decompress(packed: Buffer, bytes: number): Buffer {
  try {
    return zstdDecompressSync(packed, { chunkSize: Math.max(64, bytes), maxOutputLength: Math.max(1, bytes) });
  } catch {
    throw damaged('cannot be decompressed');
  }
}

function damaged(what: string): StillframeError {
  return new StillframeError('chunk-damaged', `a stored object ${what}: run "stillframe repository check"`, {});
}
