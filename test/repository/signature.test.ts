/** A point counts as a host's only as that host signed it: every change of it, and every other key, shows. */

import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { run } from '../../lib/run.ts';
import { hostId } from '../../model/ids.ts';
import { createRepository } from '../../repository/points.ts';
import { openSigner, readTrustedKeys } from '../../repository/signature.ts';
import { temporaryFolder } from '../support/folder.ts';
import { withoutUmask } from '../support/umask.ts';
import { samplePoint } from './sample-point.ts';
import { newSigner } from './signer.ts';

const id = '20260101T020000-1a2b3c4d';

async function signed(t: TestContext) {
  const directory = join(await temporaryFolder(t), 'backups');
  const repository = await createRepository(directory);
  const signer = await newSigner();
  const session = await repository.begin(samplePoint(id).id);
  for (const disk of samplePoint(id).disks) await writeFile(join(session, disk.file), Buffer.alloc(disk.bytes, 0x41));
  await repository.commit(samplePoint(id), signer);
  const folder = join(directory, 'points', id);
  const origin = async (trusted = signer.trusted) => repository.origin(await repository.read(id), trusted);
  return { directory, repository, signer, folder, manifest: join(folder, 'manifest.json'), origin };
}

test('a point is of the host that signed it, for those who trust its key', async (t) => {
  const { origin } = await signed(t);
  assert.deepEqual(await origin(), { kind: 'proven', host: 'rack1-a' });
  assert.equal((await origin((await newSigner()).trusted)).kind, 'unknown-key');
});

const alterations: [field: string, from: string, to: string][] = [
  ['grade', '"grade": "filesystem"', '"grade": "application"'],
  ['name of the guest', '"name": "db1"', '"name": "prod-db"'],
  ['host', '"host": "rack1-a"', '"host": "rack1-b"'],
  ['hash of an image', '"sha256": "', '"sha256": "0'],
];
for (const [field, from, to] of alterations) {
  test(`a manifest whose ${field} was altered is altered, although every field of it is valid`, async (t) => {
    const { manifest, origin } = await signed(t);
    const text = await readFile(manifest, 'utf8');
    assert.ok(text.includes(from));
    await writeFile(manifest, text.replace(from, to).replace(/("sha256": "0.{63})./, '$1'));
    assert.equal((await origin()).kind, 'altered');
  });
}

test('a point that was brought from another repository is altered', async (t) => {
  const { folder, signer } = await signed(t);
  const other = await createRepository(join(await temporaryFolder(t), 'backups'));
  await rename(folder, join(other.directory, 'points', id));
  assert.equal((await other.origin(await other.read(id), signer.trusted)).kind, 'altered');
});

test('a host cannot sign for another one', async (t) => {
  const { repository } = await signed(t);
  const point = { ...samplePoint('20260102T020000-1a2b3c4d'), host: hostId('rack1-b') };
  const signer = await newSigner('rack1-a');
  for (const disk of point.disks)
    await writeFile(join(await repository.begin(point.id), disk.file), Buffer.alloc(disk.bytes, 0x41));
  await repository.commit(point, signer);
  assert.equal((await repository.origin(await repository.read(point.id), signer.trusted)).kind, 'other-host');
});

test('a point without a signature is unsigned', async (t) => {
  const { folder, origin } = await signed(t);
  await rm(join(folder, 'manifest.sig'));
  assert.equal((await origin()).kind, 'unsigned');
});

const planted: [what: string, plant: (path: string) => Promise<unknown>][] = [
  ['a FIFO', (path) => run(['mkfifo', path])],
  ['garbage', (path) => writeFile(path, '\u0000')],
  ['a key of another kind', (path) => writeFile(path, JSON.stringify({ algorithm: 'none', key: '', signature: '' }))],
  ['a file of megabytes', (path) => run(['truncate', '-s', '64M', path])],
];
for (const [what, plant] of planted) {
  test(`${what} in the place of a signature makes the point altered, and not unsigned`, async (t) => {
    const { folder, origin } = await signed(t);
    await rm(join(folder, 'manifest.sig'));
    await plant(join(folder, 'manifest.sig'));
    assert.equal((await origin()).kind, 'altered');
  });
}

test('openssl verifies a signature as the format page says', async (t) => {
  const { repository, folder, manifest } = await signed(t);
  const work = await temporaryFolder(t);
  const { key, signature } = JSON.parse(await readFile(join(folder, 'manifest.sig'), 'utf8')) as Record<string, string>;
  // RFC 8410: this prefix makes SubjectPublicKeyInfo of the 32 bytes.
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key!, 'base64')]);
  await writeFile(join(work, 'key.der'), spki);
  await writeFile(join(work, 'signature'), Buffer.from(signature!, 'base64'));
  await writeFile(join(work, 'signed'), `stillframe restore point\n${repository.id}\n${await readFile(manifest, 'utf8')}`);
  const verify = ['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER', '-inkey', 'key.der', '-rawin'];
  await run([...verify, '-in', 'signed', '-sigfile', 'signature'], { cwd: work });
});

test('a host keeps its key, publishes the public part, and names itself as its file does', async (t) => {
  withoutUmask(t);
  const state = join(await temporaryFolder(t), 'state');
  const first = await openSigner(state, hostId('rack1-a'));
  assert.deepEqual((await openSigner(state, hostId('rack1-a'))).trusted, first.trusted);
  assert.deepEqual(await readTrustedKeys([join(state, 'host-key.pub')]), first.trusted);
  assert.equal((await stat(join(state, 'host-key.pem'))).mode & 0o777, 0o600);
  await openSigner(state, hostId('rack1-b'));
  assert.match(await readFile(join(state, 'host-key.pub'), 'utf8'), /^rack1-b ed25519 \S{44}\n$/);
});

test('a file of trusted keys that is wrong, missing or open to others is refused by name and line', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'trusted');
  await assert.rejects(readTrustedKeys([file]), { code: 'input-invalid', message: /trusted does not exist/ });
  await writeFile(file, '# our hosts\n\nrack1-a ssh-rsa AAAA\n');
  await assert.rejects(readTrustedKeys([file]), {
    code: 'input-invalid',
    message: /line 3 of .*trusted is "rack1-a ssh-rsa AAAA"/,
  });
  await chmod(file, 0o666);
  await assert.rejects(readTrustedKeys([file]), /can be written by other users/);
});

test('a key that another user could have put there or read, or that is damaged, is refused by name', async (t) => {
  const state = join(await temporaryFolder(t), 'state');
  await mkdir(state);
  await openSigner(state, hostId('rack1-a'));
  await chmod(join(state, 'host-key.pem'), 0o666);
  const path = join(state, 'host-key.pem');
  await assert.rejects(openSigner(state, hostId('rack1-a')), {
    code: 'config-invalid',
    message: /can be written by other users/,
  });
  await chmod(path, 0o644);
  await assert.rejects(openSigner(state, hostId('rack1-a')), {
    code: 'config-invalid',
    message: /others may read it: run "chmod 600/,
  });
  await chmod(path, 0o600);
  await writeFile(path, 'garbage');
  await assert.rejects(openSigner(state, hostId('rack1-a')), {
    code: 'config-invalid',
    message: /host-key\.pem, is not used: it is damaged/,
  });
});
