/** Objects and pages: what is read is what was written, or an error; never something else. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { isStillframeError } from '../../../model/errors.ts';
import {
  decodeObject,
  digestOf,
  encodeObject,
  headerBytes,
  objectName,
  plainSession,
  type ObjectKeys,
  type OpeningKeys,
} from '../../../repository/objects.ts';
import { chunkCount, digestsOf, pagesOf } from '../../../repository/pages.ts';

const repository = '00000000-0000-4000-8000-000000000001';
const owner = '0011223344556677';
const encrypted: ObjectKeys = {
  repository,
  owner,
  session: '11'.repeat(16),
  dedup: randomBytes(32),
  data: randomBytes(32),
  structure: randomBytes(32),
};
const plain: ObjectKeys = { repository, owner, session: plainSession, dedup: randomBytes(32), data: null, structure: null };
const opening = ({ dedup, data }: ObjectKeys): OpeningKeys => ({ repository, owner, dedup, cipher: data });
const isDamaged = (error: unknown) => isStillframeError(error, 'chunk-damaged');

for (const [kind, keys] of Object.entries({ encrypted, plain })) {
  test(`${kind}: any bytes come back as they were, compressible or not`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.integer({ min: 1, max: 40 }), (piece, times) => {
        const raw = Buffer.concat(Array.from({ length: times }, () => piece));
        const digest = digestOf(raw, keys.dedup);
        assert.deepEqual(decodeObject('chunk', encodeObject('chunk', raw, digest, keys), digest, opening(keys)), raw);
      }),
      { numRuns: 60 },
    );
  });

  test(`${kind}: with one flipped bit anywhere the object is refused or reads the same, and so with every cut`, () => {
    const raw = Buffer.concat([randomBytes(300), Buffer.alloc(700, 0x61)]);
    const digest = digestOf(raw, keys.dedup);
    const object = encodeObject('chunk', raw, digest, keys);
    for (let bit = 0; bit < object.length * 8; bit++) {
      const flipped = Buffer.from(object);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      // Compression has bits that change nothing; a seal has none.
      const isHarmless = keys.data === null && bit >= headerBytes * 8;
      try {
        const read = decodeObject('chunk', flipped, digest, opening(keys));
        assert.ok(isHarmless && read.equals(raw), `bit ${bit}`);
      } catch (error) {
        assert.ok(isDamaged(error), `bit ${bit}: ${String(error)}`);
      }
    }
    for (const length of [0, 3, headerBytes - 1, headerBytes, object.length - 1])
      assert.throws(() => decodeObject('chunk', object.subarray(0, length), digest, opening(keys)), isDamaged, `${length} bytes`);
  });

  test(`${kind}: an object under the name of another, of another kind, of another host or of another repository is refused`, () => {
    const [one, other] = [Buffer.from('one'), Buffer.from('another')];
    const digest = digestOf(one, keys.dedup);
    const swapped = encodeObject('chunk', other, digestOf(other, keys.dedup), keys);
    assert.throws(() => decodeObject('chunk', swapped, digest, opening(keys)), isDamaged);
    const whole = encodeObject('chunk', one, digest, keys);
    assert.throws(() => decodeObject('blob', whole, digest, opening(keys)), isDamaged);
    if (!keys.data) return;
    assert.throws(() => decodeObject('chunk', whole, digest, { ...opening(keys), repository: 'elsewhere' }), isDamaged);
    assert.throws(() => decodeObject('chunk', whole, digest, { ...opening(keys), owner: '7766554433221100' }), isDamaged);
  });
}

test('an encrypted object is not opened by another key, and shows nothing of its content', () => {
  const raw = Buffer.from('the quick brown fox '.repeat(50));
  const digest = digestOf(raw, encrypted.dedup);
  const object = encodeObject('chunk', raw, digest, encrypted);
  assert.throws(() => decodeObject('chunk', object, digest, { ...opening(encrypted), cipher: randomBytes(32) }), isDamaged);
  assert.throws(() => decodeObject('chunk', object, digest, { ...opening(encrypted), cipher: encrypted.structure }), isDamaged);
  assert.throws(() => decodeObject('chunk', object, digest, { ...opening(encrypted), cipher: null }), isDamaged);
  assert.equal(object.includes('quick'), false);
  assert.notDeepEqual(encodeObject('chunk', raw, digest, encrypted), object, 'an IV of its own each time');
});

test('names of objects say their kind, their owner and their digest', () => {
  const digest = Buffer.alloc(32, 0xab);
  assert.equal(objectName('page', '0011223344556677', digest), `pages/0011223344556677/ab/${'ab'.repeat(32)}`);
});

test('the digests of a disk of any size come back from its pages; pages of zeros are not stored', () => {
  const dedup = randomBytes(32);
  for (const chunks of [0, 1, 4095, 4096, 4097, 10_000]) {
    const digests = randomBytes(chunks * 32);
    if (chunks > 9_000) digests.fill(0, 4096 * 32, 2 * 4096 * 32);
    const pages = pagesOf(digests, dedup);
    const stored = pages.map(({ raw, digest }) => (digest.every((byte) => byte === 0) ? null : raw));
    assert.equal(stored.filter((page) => page === null).length, chunks > 9_000 ? 1 : 0);
    assert.deepEqual(digestsOf(stored, chunks), digests);
  }
  assert.throws(() => digestsOf([randomBytes(64)], 1), isDamaged);
  assert.throws(() => digestsOf([], 1), isDamaged);
  assert.deepEqual(
    [0, 1, 1024, 1025].map((bytes) => chunkCount(bytes, 1024)),
    [0, 1, 1, 2],
  );
});
