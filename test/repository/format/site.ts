/** A repository with the keys of its roles, and points with one disk in it. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isStillframeError, type ErrorCode } from '../../../model/errors.ts';
import { backupId, hostId, type BackupId } from '../../../model/ids.ts';
import { plainDedupKey, type Description } from '../../../repository/description.ts';
import type { PrivateKey } from '../../../repository/keys.ts';
import type { ObjectKeys } from '../../../repository/objects.ts';
import type { Reader } from '../../../repository/reader.ts';
import { newSessionKeys } from '../../../repository/session-seals.ts';
import { openSigner, type Signer } from '../../../repository/signature.ts';
import { openDirectoryStore } from '../../../repository/store/directory.ts';
import type { Store } from '../../../repository/store/store.ts';
import { initRepository, openWriter } from '../../../repository/writer.ts';
import { temporaryFolder } from '../../support/folder.ts';

export interface Site {
  place: string;
  store: Store;
  description: Description;
  reader: PrivateKey;
  maintainer: PrivateKey;
  signer: Signer;
  dedup: Buffer;
}

export async function site(t: TestContext, isEncrypted = true): Promise<Site> {
  const folder = await temporaryFolder(t);
  const place = join(folder, 'repository');
  const store = openDirectoryStore(place);
  const { description, keys } = await initRepository(store, isEncrypted);
  const key = (role: string) => keys.find((each) => each.role === role)!;
  const signer = await openSigner(join(folder, 'state'), hostId('h1'));
  const dedup = isEncrypted ? randomBytes(32) : plainDedupKey(description.id);
  return { place, store, description, reader: key('reader'), maintainer: key('maintainer'), signer, dedup };
}

export interface Written {
  id: BackupId;
  owner: string;
  pages: string[];
  disk: Buffer;
  keys: ObjectKeys;
  storedBytes: number;
}

/** A point with one disk, the bytes of its chunks given. */
export async function write(
  { store, description, signer, dedup }: Site,
  name: string,
  chunks: (Buffer | null)[],
): Promise<Written> {
  const keys = newSessionKeys(description, dedup, signer);
  const writer = await openWriter(store, description, keys, signer);
  let storedBytes = 0;
  const digests: Buffer[] = [];
  for (const raw of chunks) {
    if (raw === null) {
      digests.push(Buffer.alloc(32));
      continue;
    }
    const put = await writer.put('chunk', raw);
    storedBytes += put.storedBytes;
    digests.push(put.digest);
  }
  const pages = await writer.putIndex(Buffer.concat(digests));
  const id = backupId(name);
  assert.equal(await writer.commit(id, JSON.stringify({ id, guest: 'accounting-database', pages })), true);
  const disk = Buffer.concat(chunks.map((raw) => raw ?? Buffer.alloc(description.chunkBytes)));
  return { id, owner: writer.owner, pages, disk, keys, storedBytes };
}

export async function readBack(
  reader: Reader,
  { owner, pages, disk }: Pick<Written, 'owner' | 'pages' | 'disk'>,
): Promise<Buffer> {
  const { chunkBytes } = reader.description;
  const digests = await reader.digests(owner, pages, disk.length);
  const chunks: Buffer[] = [];
  for (let at = 0; at * chunkBytes < disk.length; at++)
    chunks.push(
      await reader.chunk(owner, digests.subarray(at * 32, at * 32 + 32), Math.min(chunkBytes, disk.length - at * chunkBytes)),
    );
  return Buffer.concat(chunks);
}

export const mebibyte = 1024 * 1024;
export const chunk = (seed: number, bytes = mebibyte) => Buffer.alloc(bytes, `chunk ${seed} `);
export const fails =
  (...codes: ErrorCode[]) =>
  (error: unknown) =>
    isStillframeError(error, ...codes);
