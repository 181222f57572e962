/** The signature of a manifest: made with the key of the host that commits the point, and judged by keys that the reader trusts. */

import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, makeDirectory, writeDurably } from '../lib/durable.ts';
import { errnoOf } from '../lib/errno.ts';
import { demandOwn, WritableByOthersError } from '../lib/strict-modes.ts';
import { exactly, matching, oneOf } from '../model/check.ts';
import { StillframeError } from '../model/errors.ts';
import { isHostId, type HostId } from '../model/ids.ts';

/** Signs as one host. */
export interface Signer {
  /** Trusts this host's own key alone. */
  readonly trusted: TrustedKeys;
  /** The text of the signature's file. `repository`: its id, so that a point counts in the repository that it was made for alone. */
  sign(repository: string, manifest: string): string;
}

/** What a reader knows of the origin of a point. `proven`: signed, as it is now, by a trusted key of the host that it names. */
export type Origin =
  | { kind: 'proven'; host: HostId }
  /** There is no signature. */
  | { kind: 'unsigned' }
  | { kind: 'unknown-key'; key: string }
  /** Signed by a key that is trusted, but for another host. */
  | { kind: 'other-host'; key: string }
  /** The signature cannot be read, or does not fit the manifest or this repository. */
  | { kind: 'altered' };

/** Public keys, base64 of their 32 bytes (RFC 8032), and the hosts that each may sign for. */
export type TrustedKeys = ReadonlyMap<string, ReadonlySet<HostId>>;

/** In the state directory. The public part is one line, as a file of trusted keys has it. */
export const privateKeyFile = 'host-key.pem';
export const publicKeyFile = 'host-key.pub';

/** Beside the manifest, and written before it. */
export const signatureFile = 'manifest.sig';
/** A signature's file has 160 bytes. */
export const longestSignature = 1024;

const algorithm = 'ed25519';

/** The key of this host, made when there is none. @throws config-invalid, and what the file system throws */
export async function openSigner(stateDir: string, host: HostId): Promise<Signer> {
  await makeDirectory(stateDir);
  const path = join(stateDir, privateKeyFile);
  if (!(await exists(path))) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeDurably(path, String(privateKey.export({ type: 'pkcs8', format: 'pem' })));
  }
  const privateKey = await readPrivateKey(path);
  const key = publicText(createPublicKey(privateKey));
  const line = `${host} ${algorithm} ${key}\n`;
  const published = join(stateDir, publicKeyFile);
  if (!(await exists(published)) || (await readFile(published, 'utf8')) !== line) await writeDurably(published, line);
  return {
    trusted: new Map([[key, new Set([host])]]),
    sign(repository, manifest) {
      const signature = sign(null, signedBytes(repository, manifest), privateKey).toString('base64');
      return `${JSON.stringify({ algorithm, key, signature })}\n`;
    },
  };
}

const othersMayUse = 0o077;

async function readPrivateKey(path: string): Promise<KeyObject> {
  const refuse = (problem: string) =>
    new StillframeError('config-invalid', `the key that signs the points of this host, ${path}, is not used: ${problem}`, {
      path,
    });
  try {
    await demandOwn(path);
  } catch (error) {
    throw error instanceof WritableByOthersError ? refuse(error.message) : error;
  }
  if (((await stat(path)).mode & othersMayUse) !== 0) throw refuse(`others may read it: run "chmod 600 ${path}"`);
  try {
    return createPrivateKey(await readFile(path));
  } catch {
    throw refuse(
      'it is damaged: restore it from a copy, or remove it for a new one, and trust the old public key for the points that it signed',
    );
  }
}

/** A point, and the texts that it was read with. */
export interface Signed {
  host: HostId;
  manifest: string;
  /** Null when there is none. */
  signature: string | null;
}

export function judgeOrigin(repository: string, { host, manifest, signature }: Signed, trusted: TrustedKeys): Origin {
  if (signature === null) return { kind: 'unsigned' };
  const read = readSignature(signature);
  if (read === null) return { kind: 'altered' };
  const { key } = read;
  const isGenuine = verify(null, signedBytes(repository, manifest), publicKey(key), Buffer.from(read.signature, 'base64'));
  if (!isGenuine) return { kind: 'altered' };
  const hosts = trusted.get(key);
  if (!hosts) return { kind: 'unknown-key', key };
  return hosts.has(host) ? { kind: 'proven', host } : { kind: 'other-host', key };
}

/**
 * The keys in files of lines `HOST ed25519 KEY`, as `host-key.pub` has one; empty lines and those that begin with # are skipped.
 * A file that a person named must be there. @throws input-invalid that names file and line
 */
export async function readTrustedKeys(paths: readonly string[]): Promise<TrustedKeys> {
  const trusted = new Map<string, Set<HostId>>();
  for (const path of paths) {
    await demandOwn(path).catch((error: unknown) => {
      if (error instanceof WritableByOthersError)
        throw new StillframeError('input-invalid', `${path} is not trusted: ${error.message}`, { path });
      if (errnoOf(error) !== 'ENOENT') throw error;
      throw new StillframeError('input-invalid', `the file of trusted keys ${path} does not exist: name another one`, { path });
    });
    for (const [index, line] of (await readFile(path, 'utf8')).split('\n').entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const [host = '', kind, key = ''] = line.trim().split(/\s+/);
      if (!isHostId(host) || kind !== algorithm || !keyPattern.test(key)) throw badLine(path, index + 1, line);
      trusted.set(key, (trusted.get(key) ?? new Set()).add(host));
    }
  }
  return trusted;
}

function badLine(path: string, number: number, line: string): StillframeError {
  return new StillframeError(
    'input-invalid',
    `line ${number} of ${path} is ${JSON.stringify(line.slice(0, 80))}, expected HOST ed25519 KEY, as the file ${publicKeyFile} in a host's state directory has it`,
    { path, line: number },
  );
}

/** The manifest, behind the name of what is signed and the repository that it stands in. */
function signedBytes(repository: string, manifest: string): Buffer {
  return Buffer.from(`stillframe restore point\n${repository}\n${manifest}`);
}

/** 32 bytes in base64. */
const keyPattern = /^[A-Za-z0-9+/]{43}=$/;

const signatureFields = exactly<{ algorithm: string; key: string; signature: string }>({
  algorithm: oneOf(algorithm),
  key: matching('a public key', keyPattern),
  signature: matching('a signature', /^[A-Za-z0-9+/]{86}==$/),
});

function readSignature(text: string): { key: string; signature: string } | null {
  try {
    return signatureFields(JSON.parse(text), '');
  } catch {
    return null;
  }
}

function publicText(key: KeyObject): string {
  return Buffer.from(key.export({ format: 'jwk' }).x!, 'base64url').toString('base64');
}

function publicKey(text: string): KeyObject {
  const x = Buffer.from(text, 'base64').toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}
