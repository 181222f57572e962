/**
 * Seals a secret to a public key, so that only the holder of the private key can read it: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM.
 */

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke';

const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

/** Bytes of the encapsulated secret, which come first. */
const encapsulatedBytes = 32;

/** `publicKey`: 32 bytes. `info` binds the seal to its purpose: it opens under the same text only. */
export async function seal(publicKey: Uint8Array, secret: Uint8Array, info: string): Promise<Buffer> {
  const key = await suite.DeserializePublicKey(publicKey);
  const { encapsulatedSecret, ciphertext } = await suite.Seal(key, secret, { info: Buffer.from(info) });
  return Buffer.concat([encapsulatedSecret, ciphertext]);
}

/** Null when it does not open: another key, another purpose, or altered. */
export async function unseal(privateKey: Uint8Array, sealed: Buffer, info: string): Promise<Buffer | null> {
  try {
    // Without the public key, the library derives it by an experimental method of Node, which prints a warning.
    const key = {
      privateKey: await suite.DeserializePrivateKey(privateKey),
      publicKey: await suite.DeserializePublicKey(publicOf(privateKey)),
    };
    const [secret, ciphertext] = [sealed.subarray(0, encapsulatedBytes), sealed.subarray(encapsulatedBytes)];
    return Buffer.from(await suite.Open(key, secret, ciphertext, { info: Buffer.from(info) }));
  } catch {
    return null;
  }
}

/** What comes before the 32 bytes of a private key of X25519 in PKCS #8 (RFC 8410, section 7). */
const pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The 32 bytes of the public key. */
export function publicOf(privateKey: Uint8Array): Buffer {
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, privateKey]), format: 'der', type: 'pkcs8' });
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url');
}
