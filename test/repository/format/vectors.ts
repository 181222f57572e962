/** Makes the two repositories of vectors.json by hand, from docs/105-repository-format-2.md and fixed secrets: nothing of the product is used. */

import { createCipheriv, createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { publicOf, sealByHand } from './hpke-by-hand.ts';

export interface Vector {
  /** Every secret, IV and ephemeral key, in hex. */
  secrets: Record<string, string>;
  point: string;
  manifest: string;
  /** The key files of its roles, and the line of trusted keys of the host that signed. */
  keyFiles: Record<string, string>;
  /** Content of the disk, as pieces of one repeated byte or of hex. */
  disk: { name: string; bytes: number; sha256: string; pieces: ({ byte: number; times: number } | { hex: string })[] };
  /** Every object of the repository by its name, in base64. */
  objects: Record<string, string>;
}

const mebibyte = 1024 * 1024;
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest();
const hmac = (key: Buffer | string, bytes: Buffer | string) => createHmac('sha256', key).update(bytes).digest();

/** Chunks: one that is compressed, one of zeros, and a short one that is not compressed. */
export function diskContent({ pieces }: Vector['disk']): Buffer {
  return Buffer.concat(
    pieces.map((piece) => ('hex' in piece ? Buffer.from(piece.hex, 'hex') : Buffer.alloc(piece.times, piece.byte))),
  );
}

export function makeVector(kind: 'encrypted' | 'plain'): Vector {
  const secrets: Record<string, string> = {};
  const secret = (name: string, bytes = 32) => {
    const made = sha256(`stillframe test vector\n${kind}\n${name}`).subarray(0, bytes);
    secrets[name] = made.toString('hex');
    return made;
  };
  const isEncrypted = kind === 'encrypted';
  const repository = isEncrypted ? '00000000-0000-4000-8000-00000000000e' : '00000000-0000-4000-8000-00000000000f';
  const session = isEncrypted ? secret('session', 16) : Buffer.alloc(16);
  const [reader, maintainer, data, structure] = ['reader', 'maintainer', 'data', 'structure'].map((name) =>
    isEncrypted ? secret(name) : Buffer.alloc(32),
  ) as [Buffer, Buffer, Buffer, Buffer];
  const dedup = isEncrypted ? secret('dedup') : hmac('stillframe dedup', repository);
  const host = hostKey(secret('host'));
  const owner = sha256(host.publicKey).toString('hex', 0, 8);
  const objects: Record<string, Buffer> = {};

  function put(type: 'chunk' | 'page' | 'blob', raw: Buffer, frame?: Buffer): string {
    const digest = hmac(dedup, raw);
    const plain = frame ?? raw;
    const header = Buffer.alloc(64);
    header.write('SFO2');
    header[4] = { chunk: 1, page: 2, blob: 3 }[type];
    header[5] = (frame ? 1 : 0) + (isEncrypted ? 2 : 0);
    header.writeUInt32BE(raw.length, 8);
    header.writeUInt32BE(plain.length, 12);
    session.copy(header, 16);
    const name = `${type}s/${owner}/${digest.toString('hex', 0, 1)}/${digest.toString('hex')}`;
    const body = isEncrypted ? encrypt(name, header, plain, type === 'page' ? structure : data, digest) : plain;
    objects[name] = Buffer.concat([header, body]);
    return digest.toString('hex');
  }

  function encrypt(name: string, header: Buffer, plain: Buffer, key: Buffer, digest: Buffer): Buffer {
    const iv = secret(`iv ${name}`, 12);
    iv.copy(header, 32);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    cipher.setAAD(Buffer.concat([header, digest, Buffer.from(`${repository}\n${owner}`)]));
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    cipher.getAuthTag().copy(header, 44);
    return body;
  }

  const keys = isEncrypted
    ? (['reader', 'maintainer'] as const).map((role) => {
        const raw = publicOf(role === 'reader' ? reader : maintainer);
        return { id: sha256(raw).toString('hex', 0, 8), role, key: raw.toString('base64') };
      })
    : [];
  objects['repository.json'] = json({
    format: 2,
    id: repository,
    createdAt: '2026-01-01T00:00:00.000Z',
    chunkBytes: mebibyte,
    digest: 'hmac-sha256',
    compressor: 'zstd',
    cipher: isEncrypted ? 'aes-256-gcm' : 'none',
    keys,
  });
  if (isEncrypted) {
    for (const { id, role, key } of keys) {
      const plain = role === 'reader' ? Buffer.concat([data, structure, dedup]) : structure;
      const info = Buffer.from(`stillframe session\n${repository}\n${session.toString('hex')}\n${role}`);
      const sealed = sealByHand('aes-256-gcm', Buffer.from(key, 'base64'), secret(`ephemeral ${role}`), plain, info);
      objects[`sessions/${session.toString('hex')}/${id}`] = Buffer.concat([sealed.enc, sealed.ciphertext]);
    }
  }

  const pieces = [{ byte: 0x61, times: mebibyte }, { byte: 0, times: mebibyte }, { hex: sha256('short').toString('hex') }];
  const content = diskContent({ name: '', bytes: 0, sha256: '', pieces });
  const digests = [put('chunk', content.subarray(0, mebibyte), frameOf(0x61)), '00'.repeat(32), put('chunk', sha256('short'))];
  const definition = Buffer.from('{"name":"db1"}');
  const point = 'vector-1';
  const manifest = JSON.stringify({
    format: 2,
    id: point,
    host: 'rack1-a',
    disks: [{ name: 'disk0', bytes: content.length, pages: [put('page', Buffer.from(digests.join(''), 'hex'))] }],
    definition: { digest: put('blob', definition), bytes: definition.length },
    nvram: null,
  });
  const envelope = { format: 2, repository, point, owner, session: session.toString('hex') };
  const signed = JSON.stringify({ ...envelope, body: body().toString('base64') });
  const signature = sign(null, Buffer.from(`stillframe restore point\n${repository}\n${signed}`), host.privateKey);
  const key = host.publicKey.toString('base64');
  objects[`points/${point}`] = Buffer.from(
    `${signed}\n${JSON.stringify({ algorithm: 'ed25519', key, signature: signature.toString('base64') })}\n`,
  );

  function body(): Buffer {
    if (!isEncrypted) return Buffer.from(manifest);
    const iv = secret('iv manifest', 12);
    const cipher = createCipheriv('aes-256-gcm', structure, iv);
    cipher.setAAD(Buffer.from(`stillframe point\n${repository}\n${point}\n${owner}\n${envelope.session}`));
    return Buffer.concat([iv, cipher.update(manifest), cipher.final(), cipher.getAuthTag()]);
  }

  const keyFile = (role: string, x25519: Buffer) =>
    String(json({ stillframe: `${role} key`, repository, x25519: x25519.toString('base64') }));
  return {
    secrets,
    point,
    manifest,
    keyFiles: {
      ...(isEncrypted ? { reader: keyFile('reader', reader), maintainer: keyFile('maintainer', maintainer) } : {}),
      trusted: `rack1-a ed25519 ${key}\n`,
    },
    disk: { name: 'disk0', bytes: content.length, sha256: sha256(content).toString('hex'), pieces },
    objects: Object.fromEntries(Object.entries(objects).map(([name, bytes]) => [name, bytes.toString('base64')])),
  };
}

const json = (value: unknown) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);

function hostKey(seed: Buffer) {
  // PKCS #8 (RFC 8410) around the 32 bytes.
  const key = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return { privateKey, publicKey: Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x!, 'base64url') };
}

/** A zstd frame (RFC 8878) of a mebibyte of one byte, in blocks of 128 KiB: the same whatever compressor there is. */
function frameOf(byte: number): Buffer {
  const header = Buffer.from('28b52ffda000001000', 'hex');
  const blocks = Array.from({ length: 8 }, (_, index) => {
    const block = Buffer.alloc(4, byte);
    block.writeUIntLE((131_072 << 3) | (1 << 1) | (index === 7 ? 1 : 0), 0, 3);
    return block;
  });
  return Buffer.concat([header, ...blocks]);
}
