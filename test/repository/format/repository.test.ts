/** A repository by its roles: who can write, who can read, and what is found when somebody has changed what is stored. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { backupId, hostId } from '../../../model/ids.ts';
import { plainDedupKey } from '../../../repository/description.ts';
import { formatEnvelope, judgePoint, parseEnvelope } from '../../../repository/envelope.ts';
import { newKey, readKey, writeKey } from '../../../repository/keys.ts';
import { digestOf, encodeObject, objectName, type ObjectKeys } from '../../../repository/objects.ts';
import { openReader } from '../../../repository/reader.ts';
import { newSessionKeys, shareSessions, withdrawSeals } from '../../../repository/session-seals.ts';
import { openSigner } from '../../../repository/signature.ts';
import { initRepository, openWriter } from '../../../repository/writer.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { chunk, fails, mebibyte, readBack, site, write, type Written } from './site.ts';

for (const isEncrypted of [true, false]) {
  const kind = isEncrypted ? 'encrypted' : 'plain';

  test(`${kind}: a disk comes back as it was, holes and a short last chunk included`, async (t) => {
    const at = await site(t, isEncrypted);
    const point = await write(at, 'b-1', [chunk(1), null, randomBytes(mebibyte), chunk(2, 777)]);
    const reader = await openReader(at.store, isEncrypted ? at.reader : null);
    assert.deepEqual(await reader.ids(), ['b-1']);
    const read = (await reader.point(point.id))!;
    assert.equal((JSON.parse(read.manifest) as { guest: string }).guest, 'accounting-database');
    assert.deepEqual(await readBack(reader, point), point.disk);
  });

  test(`${kind}: chunks that are there are not stored again, by a later backup of the same host`, async (t) => {
    const at = await site(t, isEncrypted);
    await write(at, 'b-1', [chunk(1), chunk(2)]);
    const second = await write(at, 'b-2', [chunk(2), chunk(1), chunk(1)]);
    assert.equal(second.storedBytes, 0);
    assert.deepEqual(await readBack(await openReader(at.store, isEncrypted ? at.reader : null), second), second.disk);
  });

  test(`${kind}: a chunk that is missing, or whose bytes were changed, is named`, async (t) => {
    const at = await site(t, isEncrypted);
    const point = await write(at, 'b-1', [chunk(1)]);
    const [path] = (await readdir(join(at.place, 'chunks'), { recursive: true })).filter((name) => name.length > 60);
    const file = join(at.place, 'chunks', path!);
    const whole = await readFile(file);
    whole[whole.length - 5]! ^= 1;
    await writeFile(file, whole);
    const reader = await openReader(at.store, isEncrypted ? at.reader : null);
    await assert.rejects(readBack(reader, point), fails('chunk-damaged'));
    await rm(file);
    await assert.rejects(readBack(reader, point), fails('chunk-missing'));
  });

  test(`${kind}: a point is signed by its host; under another name, changed or brought here from elsewhere, it is refused`, async (t) => {
    const [at, other] = [await site(t, isEncrypted), await site(t, isEncrypted)];
    const point = await write(at, 'b-1', [chunk(1)]);
    const reader = await openReader(at.store, isEncrypted ? at.reader : null);
    const read = (await reader.point(point.id))!;
    const origin = (signed: string, repository = at.description.id, host = 'h1') =>
      judgePoint({ ...read, signed, envelope: { ...read.envelope, repository } }, hostId(host), at.signer.trusted).kind;
    assert.equal(origin(read.signed), 'proven');
    assert.equal(origin(read.signed, other.description.id), 'altered');
    assert.equal(origin(read.signed.replace('b-1', 'b-2')), 'altered');
    assert.equal(origin(read.signed, at.description.id, 'h2'), 'other-host');

    await cp(join(at.place, 'points/b-1'), join(at.place, 'points/b-2'));
    await assert.rejects(reader.point(backupId('b-2')), fails('point-damaged'));
    await write(other, 'b-9', [chunk(9)]);
    await cp(join(other.place, 'points/b-9'), join(at.place, 'points/b-9'));
    await assert.rejects(reader.point(backupId('b-9')), fails('point-damaged'));
  });
}

test('without a key nothing is read, and the error says which key is needed', async (t) => {
  const [at, other] = [await site(t), await site(t)];
  await assert.rejects(openReader(at.store, null), fails('key-missing'));
  await assert.rejects(openReader(at.store, other.reader), fails('key-wrong'));
});

test('nothing that is not encrypted is taken for a part of an encrypted repository', async (t) => {
  const at = await site(t);
  const { owner } = await write(at, 'b-1', [chunk(1)]);
  const dedup = plainDedupKey(at.description.id);
  const plain: ObjectKeys = { ...newSessionKeys({ ...at.description, cipher: 'none' }, dedup, at.signer), owner };
  const digest = digestOf(chunk(2), dedup);
  await at.store.put(objectName('chunk', owner, digest), encodeObject('chunk', chunk(2), digest, plain));
  await assert.rejects((await openReader(at.store, at.reader)).chunk(owner, digest, mebibyte), fails('chunk-damaged'));

  const path = join(at.place, 'repository.json');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"aes-256-gcm"', '"none"'));
  await assert.rejects(openReader(at.store, at.reader), fails('key-wrong'));
});

test('a maintainer follows the structure of a point, and reads none of its data', async (t) => {
  const at = await site(t);
  const point = await write(at, 'b-1', [chunk(1), chunk(2)]);
  const reader = await openReader(at.store, at.maintainer);
  assert.ok((await reader.point(point.id))!.manifest.includes('accounting-database'));
  const digests = await reader.digests(point.owner, point.pages, point.disk.length);
  assert.equal(digests.length, 2 * 32);
  await assert.rejects(reader.chunk(point.owner, digests.subarray(0, 32), mebibyte), fails('key-wrong'));
});

test('a key that is added reads what was written before it, and a key that is retired opens nothing any more', async (t) => {
  const at = await site(t);
  const before = await write(at, 'b-1', [chunk(1)]);
  const { publicKey, privateKey } = newKey('reader', at.description.id);
  const added = await openReader(at.store, privateKey);
  await assert.rejects(added.point(before.id), fails('key-wrong'));
  assert.equal(await shareSessions(at.store, at.reader, publicKey), 1);
  assert.deepEqual(await readBack(added, before), before.disk);
  assert.ok((await added.point(before.id))!.manifest.length > 0);

  const [reader] = at.description.keys;
  const keys = [publicKey, ...at.description.keys.filter(({ id }) => id !== reader!.id)];
  const after = await write({ ...at, description: { ...at.description, keys } }, 'b-2', [chunk(1), chunk(2)]);
  assert.deepEqual(await readBack(added, after), after.disk);
  await withdrawSeals(at.store, reader!.id);
  const retired = await openReader(at.store, at.reader);
  for (const point of [before, after]) await assert.rejects(retired.point(point.id), fails('key-wrong'));
  assert.deepEqual(await readBack(await openReader(at.store, privateKey), before), before.disk);
});

test('a maintainer cannot give others what it may not read itself', async (t) => {
  const at = await site(t);
  await write(at, 'b-1', [chunk(1)]);
  const { publicKey } = newKey('reader', at.description.id);
  await assert.rejects(shareSessions(at.store, at.maintainer, publicKey), fails('key-wrong'));
});

test('a point cannot be changed unseen: with one flipped bit anywhere it is refused, or not proven', async (t) => {
  const at = await site(t);
  const { id } = await write(at, 'b-1', [chunk(1)]);
  const whole = await readFile(join(at.place, 'points/b-1'));
  let stored = whole;
  const read = async (name: string, most: number) => (name === 'points/b-1' ? stored : at.store.read(name, most));
  const reader = await openReader({ ...at.store, read }, at.reader);
  const { manifest } = (await reader.point(id))!;
  let seenProven = 0;
  for (let bit = 0; bit < whole.length * 8; bit++) {
    stored = Buffer.from(whole);
    stored[bit >> 3]! ^= 1 << (bit & 7);
    const point = await reader.point(id).catch((error: unknown) => {
      assert.ok(fails('point-damaged', 'chunk-damaged')(error), `bit ${bit}: ${String(error)}`);
    });
    if (!point || judgePoint(point, hostId('h1'), at.signer.trusted).kind !== 'proven') continue;
    // The last digit of a signature in base64 has bits that mean nothing.
    assert.equal(point.manifest, manifest, `bit ${bit}`);
    seenProven++;
  }
  assert.ok(seenProven < 20, `${seenProven} flips leave it proven`);
});

test('what a host keeps after a backup opens nothing of it: not its dedup key, not its signing key, not a later session', async (t) => {
  const at = await site(t);
  const point = await write(at, 'b-1', [chunk(1)]);
  const later = newSessionKeys(at.description, at.dedup, at.signer);
  for (const secret of [at.dedup, Buffer.from(later.data!), Buffer.from(later.structure!)]) {
    const reader = await openReader(at.store, { role: 'reader', repository: at.description.id, secret });
    await assert.rejects(reader.point(point.id), fails('key-wrong'));
  }
  for await (const { name } of at.store.list('')) {
    const bytes = (await at.store.read(name, 10 * mebibyte))!;
    assert.equal(bytes.includes('chunk 1'), false, name);
    assert.equal(bytes.includes('accounting-database'), false, name);
  }
});

test('two hosts that write the same bytes share nothing: neither can spoil the points of the other', async (t) => {
  const at = await site(t);
  const folder = await temporaryFolder(t);
  const second = { ...at, signer: await openSigner(folder, hostId('h2')), dedup: randomBytes(32) };
  const [one, other] = [await write(at, 'b-1', [chunk(1)]), await write(second, 'b-2', [chunk(1)])];
  assert.notEqual(one.owner, other.owner);
  assert.ok(other.storedBytes > 0);
  await rm(join(at.place, 'chunks', other.owner), { recursive: true });
  assert.deepEqual(await readBack(await openReader(at.store, at.reader), one), one.disk);
});

test('a host that passes off the objects of another one as its own gets their content from nobody', async (t) => {
  const at = await site(t);
  const victim = await write(at, 'b-1', [chunk(1)]);
  const thief = { ...at, signer: await openSigner(await temporaryFolder(t), hostId('h2')), dedup: randomBytes(32) };
  const own = await write(thief, 'b-2', [chunk(2)]);
  const reader = await openReader(at.store, at.reader);

  // A point of its own that names the other as the owner, signed by the thief.
  const { envelope } = (await reader.point(own.id))!;
  const signed = formatEnvelope({ ...envelope, owner: victim.owner });
  const forged = parseEnvelope(Buffer.from(`${signed}\n${thief.signer.sign(at.description.id, signed)}`), own.id);
  assert.equal(judgePoint(forged, hostId('h2'), thief.signer.trusted).kind, 'altered');

  // The objects themselves, copied under the thief's names.
  for (const kind of ['chunks', 'pages'])
    await cp(join(at.place, kind, victim.owner), join(at.place, kind, own.owner), { recursive: true });
  await assert.rejects(readBack(reader, { ...victim, owner: own.owner }), fails('chunk-damaged'));
});

test('seals of a session that are lost or swapped are named, and cost only what they were of', async (t) => {
  const at = await site(t);
  const points = [await write(at, 'b-1', [chunk(1)]), await write(at, 'b-2', [chunk(2)]), await write(at, 'b-3', [chunk(3)])];
  const [one, other, third] = points as [Written, Written, Written];
  const seals = ({ keys }: Written) => join(at.place, 'sessions', keys.session);
  await rm(seals(other), { recursive: true });
  await rename(seals(one), seals(other));
  const reader = await openReader(at.store, at.reader);
  await assert.rejects(reader.point(one.id), fails('chunk-damaged'));
  await assert.rejects(reader.point(other.id), fails('key-wrong'));
  assert.deepEqual(await readBack(reader, third), third.disk);
});

test('a page of another disk in the place of one is refused', async (t) => {
  const at = await site(t);
  const [one, other] = [await write(at, 'b-1', [chunk(1)]), await write(at, 'b-2', [chunk(2)])];
  const page = ({ owner, pages: [hex] }: Written) => join(at.place, 'pages', owner, hex!.slice(0, 2), hex!);
  await cp(page(other), page(one));
  const reader = await openReader(at.store, at.reader);
  await assert.rejects(reader.digests(one.owner, one.pages, one.disk.length), fails('chunk-damaged'));
});

test('a point that is committed twice stays as the first commit made it', async (t) => {
  const at = await site(t);
  const writer = await openWriter(at.store, at.description, newSessionKeys(at.description, at.dedup, at.signer), at.signer);
  assert.equal(await writer.commit(backupId('b-1'), '{"n":1}'), true);
  assert.equal(await writer.commit(backupId('b-1'), '{"n":2}'), false);
  assert.equal((await (await openReader(at.store, at.reader)).point(backupId('b-1')))!.manifest, '{"n":1}');
});

test('a repository is made once, and one of a newer format or with a damaged description says so', async (t) => {
  const at = await site(t);
  await assert.rejects(initRepository(at.store, true), fails('input-invalid'));
  const path = join(at.place, 'repository.json');
  const text = await readFile(path, 'utf8');
  for (const [from, to, said] of [
    ['"format": 2', '"format": 3', /format 3, and this version reads format 2/],
    ['"chunkBytes": 1048576', '"chunkBytes": 4096', /chunkBytes/],
    ['"role": "reader"', '"role": "maintainer"', /no reader/],
    ['{', '', /is damaged/],
  ] as const) {
    await writeFile(path, text.replace(from, to));
    await assert.rejects(
      openReader(at.store, at.reader),
      (error: Error) => fails('repository-unknown')(error) && said.test(error.message),
    );
  }
  await rm(path);
  await assert.rejects(openReader(at.store, at.reader), fails('repository-unknown'));
});

test('a key file is for its owner alone; one that is missing, damaged or open to others says what to do', async (t) => {
  const { reader } = await site(t);
  const folder = await temporaryFolder(t);
  const path = join(folder, 'reader.key');
  await writeKey(path, reader);
  assert.deepEqual(await readKey(path), reader);
  await assert.rejects(readKey(join(folder, 'none')), fails('key-missing'));
  await writeFile(join(folder, 'damaged'), '{}', { mode: 0o600 });
  await assert.rejects(readKey(join(folder, 'damaged')), fails('key-wrong'));
  await writeFile(join(folder, 'open'), await readFile(path), { mode: 0o644 });
  await assert.rejects(readKey(join(folder, 'open')), /chmod 600/);
});
