/** Seals are HPKE as RFC 9180 has it: other programs open ours, and ours open theirs. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { seal, unseal } from '../../../repository/seal.ts';
import { openByHand, publicOf, sealByHand } from './hpke-by-hand.ts';

const hex = (text: string) => Buffer.from(text, 'hex');

/** RFC 9180, A.1.1.1, sequence number 0. */
const vector = {
  info: hex('4f6465206f6e2061204772656369616e2055726e'),
  skEm: hex('52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736'),
  skRm: hex('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8'),
  pkRm: hex('3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d'),
  enc: '37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431',
  sharedSecret: 'fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc',
  key: '4531685d41d65f03dc48f6b8302c05b0',
  nonce: '56d890e5accaaf011cff4b7d',
  aad: hex('436f756e742d30'),
  plain: hex('4265617574792069732074727574682c20747275746820626561757479'),
  ciphertext: 'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a',
};

test('HPKE by hand makes what RFC 9180 has in its vector for X25519 and HKDF-SHA256, and opens it', () => {
  const { info, skEm, skRm, pkRm, aad, plain } = vector;
  const { enc, schedule, ciphertext } = sealByHand('aes-128-gcm', pkRm, skEm, plain, info, aad);
  assert.deepEqual(
    { enc, sharedSecret: schedule.sharedSecret, key: schedule.key, nonce: schedule.nonce, ciphertext },
    Object.fromEntries((['enc', 'sharedSecret', 'key', 'nonce', 'ciphertext'] as const).map((name) => [name, hex(vector[name])])),
  );
  assert.deepEqual(openByHand('aes-128-gcm', skRm, enc, ciphertext, info, aad), plain);
});

test('a seal is opened by HPKE by hand, and a seal by hand is opened', async () => {
  const [recipient, ephemeral, secret] = [randomBytes(32), randomBytes(32), randomBytes(96)];
  const sealed = await seal(publicOf(recipient), secret, 'a purpose');
  assert.deepEqual(
    openByHand('aes-256-gcm', recipient, sealed.subarray(0, 32), sealed.subarray(32), Buffer.from('a purpose')),
    secret,
  );
  const { enc, ciphertext } = sealByHand('aes-256-gcm', publicOf(recipient), ephemeral, secret, Buffer.from('a purpose'));
  assert.deepEqual(await unseal(recipient, Buffer.concat([enc, ciphertext]), 'a purpose'), secret);
});

test('a seal opens with its key for its purpose only, whole and unchanged', async () => {
  const recipient = randomBytes(32);
  const sealed = await seal(publicOf(recipient), Buffer.from('secret'), 'a purpose');
  assert.equal(await unseal(randomBytes(32), sealed, 'a purpose'), null);
  assert.equal(await unseal(recipient, sealed, 'another purpose'), null);
  for (const length of [0, 31, 32, 47, sealed.length - 1])
    assert.equal(await unseal(recipient, sealed.subarray(0, length), 'a purpose'), null, `${length} bytes`);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    // X25519 ignores the highest bit of a public key (RFC 7748, section 5), and the seal is bound to it as it was sent.
    const flipped = Buffer.from(sealed);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(await unseal(recipient, flipped, 'a purpose'), null, `bit ${bit}`);
  }
});
