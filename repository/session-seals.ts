/** `sessions/<session>/<key>`: the keys of one backup's objects, sealed to one of those who may read them. They are there before any of these objects. */

import { randomBytes } from 'node:crypto';
import { StillframeError } from '../model/errors.ts';
import type { Description } from './description.ts';
import { ownerOf } from './envelope.ts';
import { keyId, type PrivateKey, type PublicKey } from './keys.ts';
import { plainSession, type ObjectKeys } from './objects.ts';
import { publicOf, seal, unseal } from './seal.ts';
import type { Signer } from './signature.ts';
import type { Store } from './store/store.ts';

const keyBytes = 32;

const prefix = 'sessions/';
const sealName = (session: string, key: string) => `${prefix}${session}/${key}`;
/** 144 bytes for a reader, 80 for a maintainer. */
const longestSeal = 1024;

/** The keys of a new session of the host that signs. `dedup`: of this host, for this repository. */
export function newSessionKeys({ id, cipher }: Description, dedup: Uint8Array, { trusted }: Signer): ObjectKeys {
  const owner = ownerOf([...trusted.keys()][0]!);
  if (cipher === 'none') return { repository: id, owner, session: plainSession, dedup, data: null, structure: null };
  return {
    repository: id,
    owner,
    session: randomBytes(16).toString('hex'),
    dedup,
    data: randomBytes(keyBytes),
    structure: randomBytes(keyBytes),
  };
}

/** Repeating it with the same keys changes nothing. */
export async function putSession(store: Store, { keys: recipients }: Description, keys: ObjectKeys): Promise<void> {
  const { repository, session, dedup, data, structure } = keys;
  if (data && structure)
    for (const each of recipients) await putSeal(store, repository, session, { data, structure, dedup }, each);
}

/**
 * Seals every session that `from` opens to another key as well, so that its holder reads what was written before it was added: a later point
 * shares chunks with earlier sessions. How many there were; repeating it changes nothing. @throws key-wrong for a maintainer, who knows half of it
 */
export async function shareSessions(store: Store, from: PrivateKey, to: PublicKey): Promise<number> {
  if (from.role !== 'reader')
    throw new StillframeError(
      'key-wrong',
      'a maintainer reads no data, and cannot give it to others: name the key of a reader',
      {},
    );
  let count = 0;
  for (const session of await sessionsOf(store)) {
    const { data, structure, dedup } = await openSession(store, session, from);
    await putSeal(store, from.repository, session, { data: data!, structure, dedup: dedup! }, to);
    count++;
  }
  return count;
}

/** Takes the seals of a key away: its holder opens nothing any more that he has not kept. */
export async function withdrawSeals(store: Store, key: string): Promise<void> {
  for (const session of await sessionsOf(store)) await store.remove(sealName(session, key));
}

async function putSeal(
  store: Store,
  repository: string,
  session: string,
  { data, structure, dedup }: { data: Uint8Array; structure: Uint8Array; dedup: Uint8Array },
  { id, role, key }: PublicKey,
): Promise<void> {
  const secret = role === 'reader' ? Buffer.concat([data, structure, dedup]) : structure;
  await store.put(sealName(session, id), await seal(Buffer.from(key, 'base64'), secret, purpose(repository, session, role)));
}

async function sessionsOf(store: Store): Promise<Set<string>> {
  const sessions = new Set<string>();
  for await (const { name } of store.list(prefix)) {
    const [, session, key] = name.split('/');
    if (key !== undefined) sessions.add(session!);
  }
  return sessions;
}

/** What the holder of a key may know of a session. */
export interface SessionKeys {
  structure: Buffer;
  /** Null for a maintainer. */
  data: Buffer | null;
  dedup: Buffer | null;
}

/** @throws key-wrong when nothing is sealed to the key, or it does not open; chunk-damaged when the session has no seals at all */
export async function openSession(store: Store, session: string, key: PrivateKey): Promise<SessionKeys> {
  const { role, repository, secret } = key;
  const id = keyId(publicOf(secret));
  const sealed = await store.read(sealName(session, id), longestSeal);
  if (!sealed && !(await hasSeals(store, session)))
    throw new StillframeError(
      'chunk-damaged',
      `${store.place}/${prefix}${session} is missing: what this backup wrote cannot be decrypted without it`,
      { session },
    );
  const opened = sealed && (await unseal(secret, sealed, purpose(repository, session, role)));
  if (opened?.length === keyBytes && role === 'maintainer') return { structure: opened, data: null, dedup: null };
  if (opened?.length === 3 * keyBytes && role === 'reader') {
    const [data, structure, dedup] = [0, 1, 2].map((at) => opened.subarray(at * keyBytes, (at + 1) * keyBytes));
    return { structure: structure!, data: data!, dedup: dedup! };
  }
  throw new StillframeError(
    'key-wrong',
    `the key ${id} ${sealed ? 'does not open its seal' : 'has no seal'} in session ${session} of ${store.place}: it is of another repository, was retired before that backup, or the seal was altered`,
    { session, key: id },
  );
}

async function hasSeals(store: Store, session: string): Promise<boolean> {
  for await (const _ of store.list(`${prefix}${session}/`)) return true;
  return false;
}

const purpose = (repository: string, session: string, role: string) => `stillframe session\n${repository}\n${session}\n${role}`;
