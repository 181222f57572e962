/** Writes one backup into a repository: objects of its session, then the point, which exists from that moment. It can read nothing back. */

import { StillframeError } from '../model/errors.ts';
import type { BackupId } from '../model/ids.ts';
import { formatDescription, newDescription, descriptionName, type Description } from './description.ts';
import { formatEnvelope, pointName, sealManifest } from './envelope.ts';
import type { PrivateKey } from './keys.ts';
import { digestOf, encodeObject, isZeroDigest, objectName, type Digest, type ObjectKeys, type ObjectKind } from './objects.ts';
import { pagesOf } from './pages.ts';
import { putSession } from './session-seals.ts';
import type { Signer } from './signature.ts';
import type { Store } from './store/store.ts';

export interface Writer {
  readonly owner: string;
  /** Whether it was there already. */
  put(kind: ObjectKind, raw: Uint8Array): Promise<{ digest: Digest; known: boolean; storedBytes: number }>;
  /** Stores the index of a disk, and returns the digests of its pages in hex, for its manifest. */
  putIndex(digests: Buffer): Promise<string[]>;
  /** The commit: false when a point of this id is there already, which stays as it is. */
  commit(id: BackupId, manifest: string): Promise<boolean>;
}

/** Makes a repository in an empty store, and returns the private keys that belong to it. @throws input-invalid when it is one already */
export async function initRepository(
  store: Store,
  isEncrypted: boolean,
): Promise<{ description: Description; keys: PrivateKey[] }> {
  const made = newDescription(isEncrypted);
  if (await store.put(descriptionName, Buffer.from(formatDescription(made.description)))) return made;
  throw new StillframeError('input-invalid', `${store.place} is a repository already: name another place`, {
    place: store.place,
  });
}

/** `keys`: of a session of this signer, which is recorded before anything of it can be seen. */
export async function openWriter(store: Store, description: Description, keys: ObjectKeys, signer: Signer): Promise<Writer> {
  await putSession(store, description, keys);
  const { owner } = keys;

  async function put(kind: ObjectKind, raw: Uint8Array, digest = digestOf(raw, keys.dedup)) {
    const name = objectName(kind, owner, digest);
    // Its time shows a sweep that it is in use.
    if (await store.touch(name)) return { digest, known: true, storedBytes: 0 };
    const object = encodeObject(kind, raw, digest, keys);
    const isNew = await store.put(name, object);
    return { digest, known: !isNew, storedBytes: isNew ? object.length : 0 };
  }

  return {
    owner,
    put: (kind, raw) => put(kind, raw),
    async putIndex(digests) {
      const pages = pagesOf(digests, keys.dedup);
      for (const { raw, digest } of pages) if (!isZeroDigest(digest)) await put('page', raw, digest);
      return pages.map(({ digest }) => digest.toString('hex'));
    },
    async commit(id, manifest) {
      const of = { repository: description.id, point: id, owner, session: keys.session };
      const signed = formatEnvelope({ ...of, body: sealManifest(manifest, keys.structure, of) });
      return store.put(pointName(id), Buffer.from(`${signed}\n${signer.sign(description.id, signed)}`));
    },
  };
}
