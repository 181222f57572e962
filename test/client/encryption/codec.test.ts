/** Encrypted payloads: what is hidden, which key reads what, and key files that are refused. */

import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createCodec } from '../../../client/encryption/codec.ts';
import { openKeys } from '../../../client/encryption/keys.ts';
import { isStillframeError, type ErrorCode } from '../../../model/errors.ts';
import { temporaryFolder } from '../../support/folder.ts';

const line = (id: string) => `${id} ${randomBytes(32).toString('base64')}`;
const [first, second] = [line('2026-a'), line('2026-b')];

async function keyFile(t: TestContext, text: string): Promise<string> {
  const path = join(await temporaryFolder(t), 'keys');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** As an operator does it: whole, and under the same name. */
async function replace(path: string, text: string, mode = 0o600): Promise<void> {
  await writeFile(`${path}.new`, text, { mode });
  await chmod(`${path}.new`, mode);
  await rename(`${path}.new`, path);
}

const codecOf = async (path: string) => createCodec(await openKeys(path));
const payload = (value: unknown): Payload => defaultPayloadConverter.toPayload(value)!;
const keyIdOf = ({ metadata }: Payload) => Buffer.from(metadata!['encryption-key-id']!).toString();

function failure(code: ErrorCode, message: RegExp) {
  return (error: unknown) => {
    assert.ok(isStillframeError(error, code), String(error));
    assert.match(error.message, message);
    return true;
  };
}

test('an encrypted payload is read back as it was, shows nothing of itself, and never looks the same twice', async (t) => {
  const codec = await codecOf(await keyFile(t, `# ours\n${first}\n`));
  const plain = payload({ guest: 'accounts-db' });
  const [one, two] = await codec.encode([plain, plain]);
  assert.equal(Buffer.from(one!.data!).includes('accounts-db'), false);
  assert.notDeepEqual(one!.data, two!.data);
  assert.equal(Buffer.from(one!.metadata!['encoding']!).toString(), 'binary/encrypted');
  const [read] = await codec.decode([one!]);
  assert.deepEqual(defaultPayloadConverter.fromPayload(read!), { guest: 'accounts-db' });
});

test('a payload from before the encryption is read as it is', async (t) => {
  const codec = await codecOf(await keyFile(t, first));
  const plain = payload('from before');
  assert.deepEqual(await codec.decode([plain]), [plain]);
});

test('keys rotate without a restart: the first encrypts, and every one of them decrypts', async (t) => {
  const path = await keyFile(t, first);
  const codec = await codecOf(path);
  const [old] = await codec.encode([payload('old')]);
  await replace(path, `${second}\n${first}\n`);
  const [young] = await codec.encode([payload('young')]);
  assert.deepEqual([keyIdOf(old!), keyIdOf(young!)], ['2026-a', '2026-b']);
  const read = await codec.decode([old!, young!]);
  assert.deepEqual(
    read.map((each) => defaultPayloadConverter.fromPayload(each)),
    ['old', 'young'],
  );
  await replace(path, second);
  await assert.rejects(
    codec.decode([old!]),
    failure(
      'payload-key-unknown',
      /^a payload is encrypted with the key "2026-a", which is not in .*keys: add this key to the file$/,
    ),
  );
});

test('while the key file cannot be used, the keys from before still stand', async (t) => {
  const path = await keyFile(t, first);
  const codec = await codecOf(path);
  await replace(path, second, 0o644);
  assert.equal(keyIdOf((await codec.encode([payload(1)]))[0]!), '2026-a');
  const foreign = { metadata: { encoding: Buffer.from('binary/encrypted'), 'encryption-key-id': Buffer.from('2026-b') } };
  await assert.rejects(codec.decode([foreign]), failure('payload-key-unknown', /"2026-b".*may be used by others/));
});

test('a payload that was changed, or belongs to another key of the same id, is refused with the id of its key', async (t) => {
  const [encrypted] = await (await codecOf(await keyFile(t, first))).encode([payload('x')]);
  const changed = Buffer.from(encrypted!.data!);
  changed[20]! ^= 1;
  const short = { ...encrypted, data: Buffer.alloc(3) };
  const codec = await codecOf(await keyFile(t, first));
  for (const bad of [{ ...encrypted, data: changed }, short])
    await assert.rejects(
      codec.decode([bad]),
      failure('payload-unreadable', /key "2026-a".*compare the key files of all machines$/),
    );
  const other = await codecOf(await keyFile(t, line('2026-a')));
  await assert.rejects(other.decode([encrypted!]), failure('payload-unreadable', /"2026-a"/));
});

const refused: [what: string, text: string, mode: number, says: RegExp][] = [
  ['one that others may read', first, 0o640, /may be used by others than its owner: chmod 600/],
  ['an empty one', '\n# nothing\n', 0o600, /has no key: write ID KEY/],
  ['a key that is too short', `a ${randomBytes(16).toString('base64')}`, 0o600, /has no key on line 1: write ID KEY/],
  ['a key that is not base64', `${first}\nb ${'!'.repeat(44)}`, 0o600, /has no key on line 2/],
  ['a line with something behind the key', `${first} x`, 0o600, /has no key on line 1/],
  ['two keys of one id', `${first}\n${line('2026-a')}`, 0o600, /has two keys with the id 2026-a/],
];

for (const [what, text, mode, says] of refused) {
  test(`of key files, ${what} is refused, and no key is shown`, async (t) => {
    const path = await keyFile(t, text);
    await chmod(path, mode);
    await assert.rejects(openKeys(path), (error: Error) => {
      assert.equal(error.message.includes(first.split(' ')[1]!), false);
      return failure('connection-invalid', says)(error);
    });
  });
}

test('a key file that is not there is refused, with how to make one', async () => {
  await assert.rejects(
    openKeys('/nonexistent/keys'),
    failure('connection-invalid', /nonexistent\/keys cannot be read .*openssl rand -base64 32/),
  );
});
