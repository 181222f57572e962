/** guest-file-write: what stands in the file when it has answered. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, suite } from 'node:test';
import { run } from '../../../../lib/run.ts';
import { fileClose } from '../../../../protocol/agent/commands/guest-file-close.ts';
import { fileOpen } from '../../../../protocol/agent/commands/guest-file-open.ts';
import { fileSeek } from '../../../../protocol/agent/commands/guest-file-seek.ts';
import { fileWrite } from '../../../../protocol/agent/commands/guest-file-write.ts';
import { base64, opened, read } from './opened-file.ts';
import { createStage } from './stage.ts';

suite('guest-file-write', () => {
  it('guest-file-write has written the bytes when it answers', async (t) => {
    const { stage, handle, path } = await opened(t, '', 'w');
    assert.equal(
      await stage.wire('guest-file-write', { handle, 'buf-b64': base64('hello\0world') }),
      '{"return": {"count": 11, "eof": false}}\n',
    );
    assert.equal(readFileSync(path, 'latin1'), 'hello\0world');
  });

  it('guest-file-write takes as many bytes as count says', async (t) => {
    const { stage, handle, path } = await opened(t, '', 'w');
    for (const count of [3, 0]) await stage.value('guest-file-write', { handle, 'buf-b64': base64('hello'), count });
    assert.equal(readFileSync(path, 'utf8'), 'hel');
    for (const count of [6, -1, 2 ** 31, 2n ** 63n - 1n]) {
      const args = { handle, 'buf-b64': base64('hello'), count };
      assert.equal(await stage.refusal('guest-file-write', args), `value '${count}' is invalid for argument count`);
    }
  });

  it('guest-file-write accepts base64 as qemu-ga does, and reports a missing end', async (t) => {
    const { stage, handle, path } = await opened(t, '', 'w');
    for (const text of ['aGVs\nbG8=\n', '', 'IQ==aGk=']) await stage.ask(fileWrite, { handle, base64: text });
    assert.equal(readFileSync(path, 'latin1').slice(0, 6), 'hello!');
    for (const text of ['aGVsbG8 ', 'aGVs-_==', 'aGVs\r\n', 'é'])
      assert.equal(
        await stage.refusal('guest-file-write', { handle, 'buf-b64': text }),
        'Base64 data contains invalid characters',
      );
    assert.match(await stage.refusal('guest-file-write', { handle, 'buf-b64': 'aGVsbG8' }), /^Base64 data is incomplete/);
  });

  it('guest-file-write reports a full disk by the write that met it, and the agent continues', async (t) => {
    const stage = createStage(t);
    const handle = await stage.ask(fileOpen, { path: '/dev/full', mode: 'w' });
    const args = { handle, 'buf-b64': base64('hello') };
    assert.equal(await stage.refusal('guest-file-write', args), 'failed to write to file: No space left on device');
    await stage.ask(fileClose, { handle });
    assert.equal(await stage.refusal('guest-file-write', args), `handle '${handle}' has not been found`);
  });

  it('guest-file-write reports how much a FIFO took before it was full', async (t) => {
    const stage = createStage(t);
    const path = join(stage.directory, 'fifo');
    await run(['mkfifo', path]);
    await stage.ask(fileOpen, { path, mode: 'r' });
    const handle = await stage.ask(fileOpen, { path, mode: 'w' });
    const content = Buffer.alloc(2 ** 20).toString('base64');
    const taken = await stage.ask(fileWrite, { handle, base64: content });
    assert.ok(taken > 0 && taken < 2 ** 20, String(taken));
    assert.equal(
      await stage.refusal('guest-file-write', { handle, 'buf-b64': content }),
      'failed to write to file: Resource temporarily unavailable',
    );
  });

  it('guest-file-write refuses a file that was opened for reading, and what was just written can be read', async (t) => {
    const { stage, handle } = await opened(t, 'x');
    assert.equal(
      await stage.refusal('guest-file-write', { handle, 'buf-b64': 'eA==' }),
      'failed to write to file: Bad file descriptor',
    );
    const both = await stage.ask(fileOpen, { path: join(stage.directory, 'new'), mode: 'w+' });
    await stage.ask(fileWrite, { handle: both, base64: base64('written') });
    assert.deepEqual(await read(stage, both, 10), { text: '', count: 0, eof: true });
    await stage.ask(fileSeek, { handle: both, offset: 0n, whence: 'set' });
    assert.deepEqual(await read(stage, both, 10), { text: 'written', count: 7, eof: true });
  });
});
