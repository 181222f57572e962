/** guest-file-open and the handles that it gives. */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, suite } from 'node:test';
import { fileClose } from '../../../../protocol/agent/commands/guest-file-close.ts';
import { fileFlush } from '../../../../protocol/agent/commands/guest-file-flush.ts';
import { fileOpen } from '../../../../protocol/agent/commands/guest-file-open.ts';
import { fileSeek } from '../../../../protocol/agent/commands/guest-file-seek.ts';
import { fileWrite } from '../../../../protocol/agent/commands/guest-file-write.ts';
import { base64, opened } from './opened-file.ts';
import { createStage } from './stage.ts';

suite('guest-file-open', () => {
  it('guest-file-open accepts the modes of fopen and no others', async (t) => {
    const { stage, path } = await opened(t, 'old');
    for (const mode of ['r', 'rb', 'r+', 'rb+', 'r+b', 'a', 'ab', 'a+', 'ab+', 'a+b']) await stage.ask(fileOpen, { path, mode });
    assert.equal(readFileSync(path, 'utf8'), 'old');
    for (const mode of ['w', 'wb', 'w+', 'wb+', 'w+b']) {
      writeFileSync(path, 'old');
      await stage.ask(fileOpen, { path, mode });
      assert.equal(readFileSync(path, 'utf8'), '', mode);
    }
    for (const mode of ['', 'rt', 'wx', 'R', 'r++', 'rbb', '+', 'b', 'r '])
      assert.equal(await stage.refusal('guest-file-open', { path, mode }), `invalid file open mode '${mode}'`);
  });

  it('a file that is opened for appending is written at its end, wherever its position is', async (t) => {
    const { stage, handle, path } = await opened(t, 'one', 'a+');
    await stage.ask(fileSeek, { handle, offset: 0n, whence: 'set' });
    await stage.ask(fileWrite, { handle, base64: base64(' two') });
    assert.equal(readFileSync(path, 'utf8'), 'one two');
  });

  it('guest-file-open creates files with mode 0666 whatever the umask, and keeps the mode of existing ones', async (t) => {
    const { stage, path } = await opened(t, '');
    chmodSync(path, 0o600);
    await stage.ask(fileOpen, { path, mode: 'w' });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await stage.ask(fileOpen, { path: `${path}-new`, mode: 'w' });
    assert.equal(statSync(`${path}-new`).mode & 0o777, 0o666);
  });

  it('guest-file-open creates nothing through a dangling link', async (t) => {
    const stage = createStage(t);
    const path = join(stage.directory, 'link');
    symlinkSync(join(stage.directory, 'nowhere'), path);
    assert.equal(
      await stage.refusal('guest-file-open', { path, mode: 'w' }),
      `failed to open file '${path}' (mode: 'w'): No such file or directory`,
    );
  });

  it('guest-file-open reports which file in which mode the kernel refused', async (t) => {
    const stage = createStage(t);
    const missing = join(stage.directory, 'missing');
    assert.equal(
      await stage.refusal('guest-file-open', { path: missing }),
      `failed to open file '${missing}' (mode: 'r'): No such file or directory`,
    );
    assert.equal(
      await stage.refusal('guest-file-open', { path: '' }),
      "failed to open file '' (mode: 'r'): No such file or directory",
    );
    mkdirSync(missing);
    assert.match(await stage.refusal('guest-file-open', { path: missing, mode: 'w' }), /: Is a directory$/);
    const long = 'x'.repeat(5000);
    assert.match(await stage.refusal('guest-file-open', { path: long }), /: File name too long$/);
  });

  it('guest-file-open refuses a NUL instead of opening the name before it', async (t) => {
    const { stage, path } = await opened(t, '');
    assert.equal(await stage.refusal('guest-file-open', { path: `${path}\0.txt` }), "Parameter 'path' contains a NUL character");
  });

  it('guest-file-open and guest-file-close write audit lines', async (t) => {
    const { stage, handle, path } = await opened(t, '');
    await stage.ask(fileClose, { handle });
    assert.deepEqual(stage.audits, [
      `info: guest-file-open called, filepath: ${path}, mode: r`,
      `info: guest-file-open, handle: ${handle}`,
      `info: guest-file-close called, handle: ${handle}`,
    ]);
  });
});

suite('handles', () => {
  it('handles are counted from 1000, and continue after a restart', async (t) => {
    const { stage, handle, path } = await opened(t, '');
    assert.equal(handle, 1000);
    assert.equal(await stage.ask(fileOpen, { path, mode: 'r' }), 1001);
    assert.equal(readFileSync(join(stage.directory, 'qga.state'), 'utf8'), '[global]\nfd_counter=1002\n');
    stage.restart();
    assert.equal(await stage.refusal('guest-file-read', { handle }), "handle '1000' has not been found");
    assert.equal(await stage.ask(fileOpen, { path, mode: 'r' }), 1002);
  });

  it('handles start from 1000 when the kept counter is damaged', async (t) => {
    for (const content of [
      '',
      'fd_counter=1500',
      '[global]\nfd_counter=99999999999999\n',
      '[global]\nfd_counter=-5\n',
      '[global]\nfd_counter=5\n',
      '\0\xff',
    ]) {
      const stage = createStage(t);
      writeFileSync(join(stage.directory, 'qga.state'), content, 'latin1');
      const expected = content.includes('1500') ? 1500 : 1000;
      assert.equal(await stage.ask(fileOpen, { path: '/dev/null', mode: 'r' }), expected, content);
    }
  });

  it('handles are given out although the counter cannot be kept', async (t) => {
    const stage = createStage(t);
    mkdirSync(join(stage.directory, 'qga.state'));
    assert.equal(await stage.ask(fileOpen, { path: '/dev/null', mode: 'r' }), 1000);
    assert.equal(await stage.ask(fileOpen, { path: '/dev/null', mode: 'r' }), 1001);
  });

  it('closed handles, and numbers that never were handles, are refused in the same words', async (t) => {
    const { stage, handle } = await opened(t, '');
    await stage.ask(fileFlush, { handle });
    await stage.ask(fileClose, { handle });
    for (const command of ['guest-file-close', 'guest-file-flush', 'guest-file-read'])
      for (const none of [handle, -1, 0, 999, 2 ** 31, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])
        assert.equal(await stage.refusal(command, { handle: none }), `handle '${none}' has not been found`);
  });
});
