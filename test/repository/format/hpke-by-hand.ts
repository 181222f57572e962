/** HPKE (RFC 9180) in base mode with X25519 and HKDF-SHA256, written from the RFC: what the library does is held against it. */

import { createCipheriv, createDecipheriv, createHmac, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';

/** Section 7.3, with the length of its key. */
export const aeads = { 'aes-128-gcm': [1, 16], 'aes-256-gcm': [2, 32] } as const;
export type Aead = keyof typeof aeads;

/** What both sides derive from the exchange of an ephemeral key with the recipient's (sections 4.1 and 5.1). */
export interface Schedule {
  sharedSecret: Buffer;
  key: Buffer;
  nonce: Buffer;
}

/** The first message of a sender, whose ephemeral private key is given. */
export function sealByHand(aead: Aead, recipient: Buffer, ephemeral: Buffer, plain: Buffer, info: Buffer, aad = Buffer.alloc(0)) {
  const enc = publicOf(ephemeral);
  const schedule = derive(aead, exchange(ephemeral, recipient), enc, recipient, info);
  const cipher = createCipheriv(aead, schedule.key, schedule.nonce).setAAD(aad);
  return { enc, schedule, ciphertext: Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]) };
}

export function openByHand(
  aead: Aead,
  secret: Buffer,
  enc: Buffer,
  ciphertext: Buffer,
  info: Buffer,
  aad = Buffer.alloc(0),
): Buffer {
  const { key, nonce } = derive(aead, exchange(secret, enc), enc, publicOf(secret), info);
  const decipher = createDecipheriv(aead, key, nonce, { authTagLength: 16 }).setAAD(aad);
  decipher.setAuthTag(ciphertext.subarray(-16));
  return Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]);
}

/** Of a raw private key, raw. */
export function publicOf(secret: Buffer): Buffer {
  return Buffer.from(createPublicKey(privateKey(secret)).export({ format: 'jwk' }).x!, 'base64url');
}

/** PKCS #8 (RFC 8410) around the 32 bytes. */
function privateKey(secret: Buffer) {
  const key = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), secret]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function exchange(secret: Buffer, peer: Buffer): Buffer {
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: peer.toString('base64url') }, format: 'jwk' });
  return diffieHellman({ privateKey: privateKey(secret), publicKey });
}

const kem = Buffer.from('KEM\x00\x20', 'latin1');

function derive(aead: Aead, dh: Buffer, enc: Buffer, recipient: Buffer, info: Buffer): Schedule {
  const [id, keyBytes] = aeads[aead];
  const hpke = Buffer.from(`HPKE\x00\x20\x00\x01\x00${String.fromCharCode(id)}`, 'latin1');
  const sharedSecret = expand(kem, extract(kem, '', 'eae_prk', dh), 'shared_secret', Buffer.concat([enc, recipient]), 32);
  const [pskIdHash, infoHash] = [extract(hpke, '', 'psk_id_hash', Buffer.alloc(0)), extract(hpke, '', 'info_hash', info)];
  const context = Buffer.concat([Buffer.from([0]), pskIdHash, infoHash]);
  const secret = extract(hpke, sharedSecret, 'secret', Buffer.alloc(0));
  return {
    sharedSecret,
    key: expand(hpke, secret, 'key', context, keyBytes),
    nonce: expand(hpke, secret, 'base_nonce', context, 12),
  };
}

/** LabeledExtract; HMAC pads an empty salt with zeros by itself. */
function extract(suite: Buffer, salt: Buffer | string, label: string, input: Buffer): Buffer {
  return createHmac('sha256', salt)
    .update(Buffer.concat([Buffer.from('HPKE-v1'), suite, Buffer.from(label), input]))
    .digest();
}

/** LabeledExpand of at most one block. */
function expand(suite: Buffer, key: Buffer, label: string, info: Buffer, bytes: number): Buffer {
  const length = Buffer.from([0, bytes]);
  const input = Buffer.concat([length, Buffer.from('HPKE-v1'), suite, Buffer.from(label), info, Buffer.from([1])]);
  return createHmac('sha256', key).update(input).digest().subarray(0, bytes);
}
