/** Reads a repository with a key: points, the digests of their disks, and chunks, each proven to be what its name says. */

import { StillframeError } from '../model/errors.ts';
import { isBackupId, type BackupId } from '../model/ids.ts';
import { plainDedupKey, readDescription, type Description } from './description.ts';
import {
  damagedPoint,
  longestEnvelope,
  openManifest,
  parseEnvelope,
  pointName,
  pointsPrefix,
  type StoredPoint,
} from './envelope.ts';
import type { PrivateKey } from './keys.ts';
import { decodeObject, isZeroDigest, longestObject, objectName, sessionOf, type Digest, type ObjectKind } from './objects.ts';
import { chunkCount, digestsOf } from './pages.ts';
import { openSession, type SessionKeys } from './session-seals.ts';
import type { Store } from './store/store.ts';

export interface ReadPoint extends StoredPoint {
  /** The text of the manifest. */
  manifest: string;
}

export interface Reader {
  readonly description: Description;
  /** Ids of all points. */
  ids(): Promise<BackupId[]>;
  /** Null when there is none. @throws point-damaged, key-missing, key-wrong, chunk-damaged */
  point(id: BackupId): Promise<ReadPoint | null>;
  /** The digests of a disk's chunks, one after the other. `pages`: hex, as the manifest has them. @throws chunk-missing, chunk-damaged */
  digests(owner: string, pages: readonly string[], bytes: number): Promise<Buffer>;
  /** The raw bytes; a buffer of zeros for the digest of zeros. @throws chunk-missing, chunk-damaged */
  chunk(owner: string, digest: Digest, bytes: number): Promise<Buffer>;
  blob(owner: string, digest: Digest): Promise<Buffer>;
}

/** A restore touches the sessions of a guest's points one after the other; each costs a read and a seal. */
const sessionsKept = 256;

/** `key`: needed where the repository is encrypted. @throws repository-unknown, key-missing, key-wrong */
export async function openReader(store: Store, key: PrivateKey | null): Promise<Reader> {
  const description = await readDescription(store);
  if (!description)
    throw new StillframeError(
      'repository-unknown',
      `${store.place} is not a repository: mount the disk that holds it, or make a new one with "stillframe repository init"`,
      { place: store.place },
    );
  demandKey(store, description, key);
  const sessions = new Map<string, Promise<SessionKeys>>();
  const isPlain = description.cipher === 'none';
  const plainKeys = { dedup: plainDedupKey(description.id), cipher: null };

  function keysOf(session: string): Promise<SessionKeys> {
    const known = sessions.get(session);
    if (known) return known;
    const opening = openSession(store, session, key!);
    if (sessions.size === sessionsKept) sessions.delete(sessions.keys().next().value!);
    sessions.set(session, opening);
    opening.catch(() => sessions.delete(session));
    return opening;
  }

  async function read(kind: ObjectKind, owner: string, digest: Digest): Promise<Buffer> {
    const name = objectName(kind, owner, digest);
    const object = await store.read(name, longestObject);
    if (!object)
      throw new StillframeError('chunk-missing', `${store.place}/${name} is missing: run "stillframe repository check"`, {
        name,
      });
    try {
      return decodeObject(kind, object, digest, { repository: description!.id, owner, ...(await openingKeys(kind, object)) });
    } catch (error) {
      if (!(error instanceof StillframeError) || error.code !== 'chunk-damaged') throw error;
      throw new StillframeError('chunk-damaged', `${name}: ${error.message}`, { name }, error);
    }
  }

  async function openingKeys(kind: ObjectKind, object: Buffer) {
    if (isPlain) return plainKeys;
    const { data, structure, dedup } = await keysOf(sessionOf(object));
    const cipher = kind === 'page' ? structure : data;
    if (cipher) return { cipher, dedup };
    throw new StillframeError(
      'key-wrong',
      'a maintainer follows the structure of points and reads no data: name the key of a reader',
      {},
    );
  }

  return {
    description,
    async ids() {
      const ids: BackupId[] = [];
      for await (const { name } of store.list(pointsPrefix)) {
        const id = name.slice(pointsPrefix.length);
        if (isBackupId(id)) ids.push(id);
      }
      return ids.sort();
    },
    async point(id) {
      const bytes = await store.read(pointName(id), longestEnvelope);
      if (!bytes) return null;
      const stored = parseEnvelope(bytes, id);
      if (stored.envelope.repository !== description.id)
        throw damagedPoint(id, `it is of repository ${stored.envelope.repository}, and lies in ${description.id}`);
      const structure = isPlain ? null : (await keysOf(stored.envelope.session)).structure;
      return { ...stored, manifest: openManifest(stored.envelope, structure) };
    },
    async digests(owner, pages, bytes) {
      const raw: (Buffer | null)[] = [];
      for (const digest of pages.map((hex) => Buffer.from(hex, 'hex')))
        raw.push(isZeroDigest(digest) ? null : await read('page', owner, digest));
      return digestsOf(raw, chunkCount(bytes, description.chunkBytes));
    },
    async chunk(owner, digest, bytes) {
      if (isZeroDigest(digest)) return Buffer.alloc(bytes);
      const raw = await read('chunk', owner, digest);
      if (raw.length === bytes) return raw;
      const name = objectName('chunk', owner, digest);
      throw new StillframeError('chunk-damaged', `${name} has ${raw.length} bytes where the disk has ${bytes}`, { name });
    },
    blob: (owner, digest) => read('blob', owner, digest),
  };
}

function demandKey({ place }: Store, { id, cipher }: Description, key: PrivateKey | null): void {
  if (cipher === 'none') {
    if (!key) return;
    throw new StillframeError(
      'key-wrong',
      `${place} says that it is not encrypted, and a key was given: somebody replaced its repository.json, or the key is of another one`,
      { place },
    );
  }
  if (!key) throw new StillframeError('key-missing', `${place} is encrypted: name the file of a key with --key`, { place });
  if (key.repository !== id)
    throw new StillframeError(
      'key-wrong',
      `the key is of repository ${key.repository}, and ${place} is ${id}: name the one of this repository`,
      {
        place,
      },
    );
}
