/** `sessions/<session>.json`: the keys of one backup's objects, sealed to those who may read them. It is there before any of these objects. */

import { randomBytes } from 'node:crypto';
import { exactly, list, matching, oneOf, type Check } from '../model/check.ts';
import { StillframeError } from '../model/errors.ts';
import type { Description } from './description.ts';
import { ownerOf } from './envelope.ts';
import type { PrivateKey } from './keys.ts';
import { plainSession, type ObjectKeys } from './objects.ts';
import { seal, unseal } from './seal.ts';
import type { Signer } from './signature.ts';
import type { Store } from './store/store.ts';

const keyBytes = 32;

export const sessionName = (session: string) => `sessions/${session}.json`;
/** Some hundred bytes for each key. */
const longestRecord = 256 * 1024;

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
export async function putSession(store: Store, { keys: readers }: Description, keys: ObjectKeys): Promise<void> {
  const { repository, session, dedup, data, structure } = keys;
  if (!data || !structure) return;
  const seals: SessionRecord['seals'] = [];
  for (const { id, role, key } of readers) {
    const secret = role === 'reader' ? Buffer.concat([data, structure, dedup]) : Buffer.from(structure);
    const sealed = await seal(Buffer.from(key, 'base64'), secret, purpose(repository, session, role));
    seals.push({ key: id, role, sealed: sealed.toString('base64') });
  }
  await store.put(sessionName(session), Buffer.from(`${JSON.stringify({ format: 2, session, seals })}\n`));
}

/** What the holder of a key may know of a session. */
export interface SessionKeys {
  structure: Buffer;
  /** Null for a maintainer. */
  data: Buffer | null;
  dedup: Buffer | null;
}

/** @throws key-wrong when the key opens none of the seals, chunk-damaged when the record is missing or damaged */
export async function openSession(store: Store, session: string, { role, repository, secret }: PrivateKey): Promise<SessionKeys> {
  const bytes = await store.read(sessionName(session), longestRecord);
  const record = bytes && parse(bytes);
  if (!record || record.session !== session) {
    throw new StillframeError(
      'chunk-damaged',
      `${store.place}/${sessionName(session)} is ${bytes ? 'damaged' : 'missing'}: what this backup wrote cannot be decrypted without it`,
      { session },
    );
  }
  for (const { sealed } of record.seals.filter((each) => each.role === role)) {
    const opened = await unseal(secret, Buffer.from(sealed, 'base64'), purpose(repository, session, role));
    if (opened?.length === keyBytes && role === 'maintainer') return { structure: opened, data: null, dedup: null };
    if (opened?.length === 3 * keyBytes && role === 'reader') {
      const [data, structure, dedup] = [0, 1, 2].map((at) => opened.subarray(at * keyBytes, (at + 1) * keyBytes));
      return { structure: structure!, data: data!, dedup: dedup! };
    }
  }
  throw new StillframeError(
    'key-wrong',
    `the key that was given opens nothing of session ${session} in ${store.place}: it is of another repository, or was retired before that backup`,
    { session },
  );
}

const purpose = (repository: string, session: string, role: string) => `stillframe session\n${repository}\n${session}\n${role}`;

interface SessionRecord {
  format: 2;
  session: string;
  seals: { key: string; role: 'reader' | 'maintainer'; sealed: string }[];
}

const record: Check<SessionRecord> = exactly<SessionRecord>({
  format: oneOf(2),
  session: matching('a session', /^[0-9a-f]{32}$/),
  seals: list(
    exactly<SessionRecord['seals'][number]>({
      key: matching('the id of a key', /^[0-9a-f]{16}$/),
      role: oneOf('reader', 'maintainer'),
      sealed: matching('base64', /^[A-Za-z0-9+/]+=*$/),
    }),
  ),
});

function parse(bytes: Buffer): SessionRecord | null {
  try {
    return record(JSON.parse(bytes.toString('utf8')), '');
  } catch {
    return null;
  }
}
