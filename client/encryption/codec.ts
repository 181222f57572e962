/**
 * Encrypts payloads with AES-256-GCM (NIST SP 800-38D), in the form of Temporal's own samples, so that their codec servers read them:
 * a 96-bit nonce, the encrypted payload, the 128-bit tag. A payload that is not encrypted is read as it is: histories from before.
 */

import type { Payload, PayloadCodec } from '@temporalio/common';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { messageOf, StillframeError } from '../../model/errors.ts';
import type { Keys } from './keys.ts';

const algorithm = 'aes-256-gcm';
const encoding = 'binary/encrypted';
const keyIdName = 'encryption-key-id';
const nonceBytes = 12;
const tagBytes = 16;

export async function createCodec(keys: Keys): Promise<PayloadCodec> {
  const { temporal } = (await import('@temporalio/proto')).default;
  const { Payload: message } = temporal.api.common.v1;
  return {
    async encode(payloads) {
      const { id, key } = await keys.first();
      return payloads.map((payload) => {
        const nonce = randomBytes(nonceBytes);
        const cipher = createCipheriv(algorithm, key, nonce);
        const hidden = Buffer.concat([
          nonce,
          cipher.update(message.encode(payload).finish()),
          cipher.final(),
          cipher.getAuthTag(),
        ]);
        return { metadata: { encoding: Buffer.from(encoding), [keyIdName]: Buffer.from(id) }, data: hidden };
      });
    },
    async decode(payloads) {
      return Promise.all(
        payloads.map(async (payload) => (isEncrypted(payload) ? message.decode(await decrypt(payload)) : payload)),
      );
    },
  };

  async function decrypt({ metadata, data }: Payload): Promise<Buffer> {
    const id = textOf(metadata?.[keyIdName]);
    const key = await keys.byId(id);
    const hidden = Buffer.from(data ?? []);
    try {
      const decipher = createDecipheriv(algorithm, key, hidden.subarray(0, nonceBytes), { authTagLength: tagBytes });
      decipher.setAuthTag(hidden.subarray(-tagBytes));
      return Buffer.concat([decipher.update(hidden.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch (error) {
      throw new StillframeError(
        'payload-unreadable',
        `a payload cannot be decrypted with the key ${JSON.stringify(id)} (${messageOf(error)}): the payload was changed, or the key with this id is another one; compare the key files of all machines`,
        { key: id },
        error,
      );
    }
  }
}

/** Of a process without keys: it sends in clear, and names the key of a payload that it cannot read. */
export const clearCodec: PayloadCodec = {
  encode: async (payloads) => payloads,
  async decode(payloads) {
    const encrypted = payloads.find(isEncrypted);
    if (!encrypted) return payloads;
    const id = textOf(encrypted.metadata?.[keyIdName]);
    throw new StillframeError(
      'payload-key-unknown',
      `a payload is encrypted with the key ${JSON.stringify(id)}, and this process has no keys: name the file with --payload-keys or STILLFRAME_PAYLOAD_KEYS`,
      { key: id },
    );
  },
};

function isEncrypted({ metadata }: Payload): boolean {
  return textOf(metadata?.['encoding']) === encoding;
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}
