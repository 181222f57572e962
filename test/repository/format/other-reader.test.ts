/** The format is what its description says: a reader that knows nothing else restores what we write, and we read what was made by hand. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { isStillframeError } from '../../../model/errors.ts';
import { backupId, hostId } from '../../../model/ids.ts';
import { plainDedupKey } from '../../../repository/description.ts';
import { judgePoint } from '../../../repository/envelope.ts';
import { readKey, writeKey } from '../../../repository/keys.ts';
import { openReader } from '../../../repository/reader.ts';
import { newSessionKeys } from '../../../repository/session-seals.ts';
import { openSigner, publicKeyFile, readTrustedKeys } from '../../../repository/signature.ts';
import { openDirectoryStore } from '../../../repository/store/directory.ts';
import { initRepository, openWriter } from '../../../repository/writer.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { readWithPython } from './python-reader.ts';
import { vectorsFile, vectorsText } from './vectors-file.ts';
import { diskContent, type Vector } from './vectors.ts';

const kinds = ['encrypted', 'plain'] as const;
const mebibyte = 1024 * 1024;

interface Laid {
  place: string;
  /** What reader.py is called with. */
  options: string[];
  vector: Vector;
}

/** The repository of a vector, and its keys, as files. */
async function lay(t: TestContext, kind: (typeof kinds)[number]): Promise<Laid> {
  const vector = (JSON.parse(await readFile(vectorsFile, 'utf8')) as Record<string, Vector>)[kind]!;
  const folder = await temporaryFolder(t);
  const place = join(folder, 'repository');
  for (const [name, bytes] of Object.entries(vector.objects)) {
    await mkdir(dirname(join(place, name)), { recursive: true, mode: 0o700 });
    await writeFile(join(place, name), Buffer.from(bytes, 'base64'), { mode: 0o600 });
  }
  for (const [name, text] of Object.entries(vector.keyFiles)) await writeFile(join(folder, name), text, { mode: 0o600 });
  const key = kind === 'encrypted' ? ['--key', join(folder, 'reader')] : [];
  return { place, options: [...key, '--trusted', join(folder, 'trusted')], vector };
}

test('the vectors are those that the description makes of their secrets: else run node test/repository/format/vectors-main.ts', async () => {
  assert.equal(await readFile(vectorsFile, 'utf8'), vectorsText());
});

for (const kind of kinds) {
  test(`${kind}: a repository that was made by hand is read whole, and its point is proven`, async (t) => {
    const { place, options, vector } = await lay(t, kind);
    const key = kind === 'encrypted' ? await readKey(options[1]!) : null;
    const reader = await openReader(openDirectoryStore(place), key);
    assert.deepEqual(await reader.ids(), [vector.point]);
    const point = (await reader.point(backupId(vector.point)))!;
    assert.equal(point.manifest, vector.manifest);
    const trusted = await readTrustedKeys([options.at(-1)!]);
    assert.equal(judgePoint(point, hostId('rack1-a'), trusted).kind, 'proven');

    const { owner } = point.envelope;
    const { disks, definition } = JSON.parse(vector.manifest) as {
      disks: [{ pages: string[] }];
      definition: { digest: string };
    };
    const { disk } = vector;
    const digests = await reader.digests(owner, disks[0].pages, disk.bytes);
    const read: Buffer[] = [];
    for (let at = 0; at < disk.bytes; at += mebibyte) {
      const digest = digests.subarray((at / mebibyte) * 32, (at / mebibyte) * 32 + 32);
      read.push(await reader.chunk(owner, digest, Math.min(mebibyte, disk.bytes - at)));
    }
    assert.ok(Buffer.concat(read).equals(diskContent(disk)));
    assert.equal(String(await reader.blob(owner, Buffer.from(definition.digest, 'hex'))), '{"name":"db1"}');
    if (kind === 'plain') return;

    const maintainer = await openReader(openDirectoryStore(place), await readKey(join(place, '../maintainer')));
    assert.equal((await maintainer.point(backupId(vector.point)))!.manifest, vector.manifest);
    assert.deepEqual(await maintainer.digests(owner, disks[0].pages, disk.bytes), digests);
    await assert.rejects(maintainer.chunk(owner, digests.subarray(0, 32), mebibyte), (error) =>
      isStillframeError(error, 'key-wrong'),
    );
  });

  test(`${kind}: the reader in Python reads that repository too, and refuses it with any object changed`, async (t) => {
    const { place, options, vector } = await lay(t, kind);
    const into = join(place, '../into');
    const ending = await readWithPython(place, vector.point, into, ...options);
    assert.equal(ending.status, 0, ending.stderr);
    assert.ok((await readFile(join(into, 'disk0.raw'))).equals(diskContent(vector.disk)));

    const names = Object.keys(vector.objects).filter((each) => /^(chunks|pages|blobs|points)/.test(each));
    for (const [index, name] of names.entries()) {
      const whole = await readFile(join(place, name));
      await writeFile(join(place, name), name.startsWith('points') ? withOtherSignature(whole) : withOtherEnd(whole));
      const refused = await readWithPython(place, vector.point, join(place, `../into${index}`), ...options);
      assert.match(refused.stderr, /^reader\.py: .*(altered|decompressed|digest|does not fit)/, name);
      await writeFile(join(place, name), whole);
    }
  });

  test(`${kind}: the reader in Python restores what our writer wrote, byte for byte`, async (t) => {
    const folder = await temporaryFolder(t);
    const [place, into, keyFile] = ['repository', 'into', 'reader.key'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const store = openDirectoryStore(place);
    const { description, keys } = await initRepository(store, kind === 'encrypted');
    for (const key of keys) if (key.role === 'reader') await writeKey(keyFile, key);
    const signer = await openSigner(join(folder, 'state'), hostId('h1'));
    const session = newSessionKeys(description, keys.length > 0 ? randomBytes(32) : plainDedupKey(description.id), signer);
    const writer = await openWriter(store, description, session, signer);

    // A small disk of every kind of chunk, and one whose second page is used: all else of it is a hole.
    const written = { small: [] as Buffer[], large: [] as Buffer[] };
    written.small.push(Buffer.alloc(mebibyte, 'text '), Buffer.alloc(mebibyte), randomBytes(mebibyte), randomBytes(513));
    written.large.push(Buffer.alloc(mebibyte, 'far '), randomBytes(5));
    const digestsOf = (raw: Buffer[]) =>
      Promise.all(
        raw.map(async (each) => (each.every((byte) => byte === 0) ? Buffer.alloc(32) : (await writer.put('chunk', each)).digest)),
      );
    const [small, large] = [await digestsOf(written.small), await digestsOf(written.large)];
    const disks = [
      { name: 'disk0', bytes: 3 * mebibyte + 513, pages: await writer.putIndex(Buffer.concat(small)) },
      {
        name: 'disk1',
        bytes: 4098 * mebibyte + 5,
        pages: await writer.putIndex(Buffer.concat([Buffer.alloc(4097 * 32), ...large])),
      },
    ];
    const nvram = randomBytes(3000);
    const { digest } = await writer.put('blob', nvram);
    const manifest = { format: 2, id: 'b-1', host: 'h1', disks, definition: null, nvram: { digest: digest.toString('hex') } };
    await writer.commit(backupId('b-1'), JSON.stringify(manifest));

    const trusted = ['--trusted', join(folder, 'state', publicKeyFile)];
    const key = keys.length > 0 ? ['--key', keyFile] : [];
    const ending = await readWithPython(place, 'b-1', into, ...key, ...trusted);
    assert.equal(ending.status, 0, ending.stderr);
    assert.ok((await readFile(join(into, 'disk0.raw'))).equals(Buffer.concat(written.small)));
    assert.ok((await readFile(join(into, `blob-${digest.toString('hex')}`))).equals(nvram));
    const file = join(into, 'disk1.raw');
    await using disk = await open(file);
    const end = Buffer.alloc(mebibyte + 5);
    await disk.read(end, 0, end.length, 4097 * mebibyte);
    assert.ok(end.equals(Buffer.concat(written.large)));
    const { size, blocks } = await stat(file);
    assert.equal(size, 4098 * mebibyte + 5);
    assert.ok(blocks * 512 < 3 * mebibyte, 'the rest is a hole');
    if (key.length === 0) return;

    const other = join(folder, 'other.key');
    await writeKey(other, { ...(await readKey(keyFile)), secret: randomBytes(32) });
    const refused = await readWithPython(place, 'b-1', join(folder, 'none'), '--key', other);
    assert.match(refused.stderr, /sessions\/[0-9a-f]+\/[0-9a-f]+ is missing/);
  });
}

function withOtherEnd(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed[changed.length - 1]! ^= 1;
  return changed;
}

function withOtherSignature(point: Buffer): Buffer {
  return Buffer.from(String(point).replace(/(?<="signature":")./, (first) => (first === 'A' ? 'B' : 'A')));
}
