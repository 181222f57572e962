/**
 * `points/<id>`: a restore point as it is stored. The first line says what it is and holds the manifest, encrypted where the repository is; the second
 * is the signature of the first by the host that wrote it.
 */

import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { exactly, matching, oneOf } from '../model/check.ts';
import { StillframeError } from '../model/errors.ts';
import type { BackupId, HostId } from '../model/ids.ts';
import { judgeOrigin, type Origin, type TrustedKeys } from './signature.ts';

export const pointName = (id: BackupId) => `points/${id}`;
export const pointsPrefix = 'points/';

/** A manifest is some kilobytes, with the digests of its pages at a disk of 64 TiB a megabyte; Stillframe never writes one of this size. */
export const longestEnvelope = 16 * 1024 * 1024;

export interface Envelope {
  /** Id of the repository. */
  repository: string;
  point: string;
  /** Of the host that wrote it: where its chunks and pages are. */
  owner: string;
  session: string;
  /** The manifest, as it is stored. */
  body: Buffer;
}

/** First 16 hex digits of the SHA-256 of the public key that a host signs with. */
export function ownerOf(publicKey: string): string {
  return createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').slice(0, 16);
}

/** The signed line, without its end. */
export function formatEnvelope({ repository, point, owner, session, body }: Envelope): string {
  return JSON.stringify({ format: 2, repository, point, owner, session, body: body.toString('base64') });
}

export interface StoredPoint {
  envelope: Envelope;
  /** What was signed, to the letter. */
  signed: string;
  signature: string | null;
}

/** `id`: the name under which it was found. @throws point-damaged */
export function parseEnvelope(bytes: Buffer, id: string): StoredPoint {
  const [signed = '', signature = ''] = bytes.toString('utf8').split('\n', 2);
  try {
    const found: unknown = JSON.parse(signed);
    const format = (found as { format?: unknown } | null)?.format;
    if (typeof format === 'number' && format > 2)
      throw new Error(`it has format ${format}, and this version reads format 2: use a newer one`);
    const { body, format: _, ...rest } = fields(found, '');
    if (rest.point !== id) throw new Error(`it is of ${JSON.stringify(rest.point)}, and lies under the name of another`);
    return { envelope: { ...rest, body: Buffer.from(body, 'base64') }, signed, signature: signature === '' ? null : signature };
  } catch (error) {
    throw damagedPoint(id, error instanceof Error ? error.message : String(error));
  }
}

/**
 * Whose point it is. `host`: as the manifest names it. A host that signs a point made of the objects of another one, which it cannot read, would
 * otherwise be given their content by a restore.
 */
export function judgePoint({ envelope, signed, signature }: StoredPoint, host: HostId, trusted: TrustedKeys): Origin {
  const origin = judgeOrigin(envelope.repository, { host, manifest: signed, signature }, trusted);
  if (origin.kind !== 'proven') return origin;
  const isOwn = [...trusted].some(([key, hosts]) => hosts.has(host) && ownerOf(key) === envelope.owner);
  return isOwn ? origin : { kind: 'altered' };
}

export function damagedPoint(id: string, problem: string): StillframeError {
  return new StillframeError(
    'point-damaged',
    `the manifest of restore point ${id} is damaged (${problem}): choose another point, and look at who writes into the repository`,
    { point: id, problem },
  );
}

const ivBytes = 12;
const tagBytes = 16;

/** `structure`: the session's key; null in a plain repository. */
export function sealManifest(text: string, structure: Uint8Array | null, of: Omit<Envelope, 'body'>): Buffer {
  if (!structure) return Buffer.from(text);
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', structure, iv);
  cipher.setAAD(additionalData(of));
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** @throws point-damaged */
export function openManifest({ body, ...of }: Envelope, structure: Uint8Array | null): string {
  if (!structure) return body.toString('utf8');
  try {
    const decipher = createDecipheriv('aes-256-gcm', structure, body.subarray(0, ivBytes), { authTagLength: tagBytes });
    decipher.setAAD(additionalData(of));
    decipher.setAuthTag(body.subarray(-tagBytes));
    return Buffer.concat([decipher.update(body.subarray(ivBytes, -tagBytes)), decipher.final()]).toString('utf8');
  } catch {
    throw damagedPoint(of.point, 'it was altered, or was brought here from another place');
  }
}

const additionalData = ({ repository, point, owner, session }: Omit<Envelope, 'body'>) =>
  Buffer.from(`stillframe point\n${repository}\n${point}\n${owner}\n${session}`);

const fields = exactly<{ format: 2; repository: string; point: string; owner: string; session: string; body: string }>({
  format: oneOf(2),
  repository: matching('the id of a repository', /^[0-9a-f-]{36}$/),
  point: matching('the id of a point', /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/),
  owner: matching('an owner', /^[0-9a-f]{16}$/),
  session: matching('a session', /^[0-9a-f]{32}$/),
  body: matching('base64', /^[A-Za-z0-9+/]*={0,2}$/),
});
