/** Key files of a repository: who may read its data, and who may follow its structure. Whoever has such a file has its rights. */

import { createHash, generateKeyPairSync } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { writeDurably } from '../lib/durable.ts';
import { errnoOf } from '../lib/errno.ts';
import { readPlain } from '../lib/plain-file.ts';
import { demandOwn } from '../lib/strict-modes.ts';
import { exactly, matching, oneOf, type Check } from '../model/check.ts';
import { messageOf, StillframeError } from '../model/errors.ts';

export const keyRoles = ['reader', 'maintainer'] as const;
export type KeyRole = (typeof keyRoles)[number];

export interface PrivateKey {
  role: KeyRole;
  /** Id of the repository. */
  repository: string;
  /** Of X25519 (RFC 7748), 32 bytes. */
  secret: Buffer;
}

export interface PublicKey {
  /** First 16 hex digits of the SHA-256 of the key. */
  id: string;
  role: KeyRole;
  /** Base64 of 32 bytes. */
  key: string;
}

export function newKey(role: KeyRole, repository: string): { privateKey: PrivateKey; publicKey: PublicKey } {
  const pair = generateKeyPairSync('x25519');
  const secret = Buffer.from(pair.privateKey.export({ format: 'jwk' }).d!, 'base64url');
  const raw = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x!, 'base64url');
  return { privateKey: { role, repository, secret }, publicKey: { id: keyId(raw), role, key: raw.toString('base64') } };
}

export function keyId(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
}

export function formatKey({ role, repository, secret }: PrivateKey): string {
  return `${JSON.stringify({ stillframe: `${role} key`, repository, x25519: secret.toString('base64') }, null, 2)}\n`;
}

/** For its owner alone. */
export function writeKey(path: string, key: PrivateKey): Promise<void> {
  return writeDurably(path, formatKey(key));
}

const longestKeyFile = 4096;
const othersMayUse = 0o077;

/** @throws key-missing, key-wrong with the path and what to do */
export async function readKey(path: string): Promise<PrivateKey> {
  const refuse = (code: 'key-missing' | 'key-wrong', problem: string) =>
    new StillframeError(code, `the key file ${path} ${problem}`, { path });
  try {
    await demandOwn(path);
    if (((await stat(path)).mode & othersMayUse) !== 0)
      throw refuse('key-wrong', `may be read by others: run "chmod 600 ${path}"`);
    const { stillframe, repository, x25519 } = keyFields(JSON.parse(await readPlain(path, longestKeyFile)), '');
    return { role: stillframe === 'reader key' ? 'reader' : 'maintainer', repository, secret: Buffer.from(x25519, 'base64') };
  } catch (error) {
    if (error instanceof StillframeError) throw error;
    if (errnoOf(error) === 'ENOENT')
      throw refuse('key-missing', 'does not exist: name the one that "stillframe repository init" made, or a copy of it');
    throw refuse('key-wrong', `cannot be used (${messageOf(error)}): name another copy of it`);
  }
}

/** Base64 of 32 bytes. */
export const keyText: Check<string> = matching('a key', /^[A-Za-z0-9+/]{43}=$/);

const keyFields = exactly<{ stillframe: 'reader key' | 'maintainer key'; repository: string; x25519: string }>({
  stillframe: oneOf('reader key', 'maintainer key'),
  repository: matching('the id of a repository', /^[0-9a-f-]{36}$/),
  x25519: keyText,
});
