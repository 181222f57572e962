/** guest-file-read: bytes, their number, and the end of the file. */

import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { it, suite } from 'node:test';
import { run } from '../../../../lib/run.ts';
import { fileOpen } from '../../../../protocol/agent/commands/guest-file-open.ts';
import { fileRead } from '../../../../protocol/agent/commands/guest-file-read.ts';
import { fileSeek } from '../../../../protocol/agent/commands/guest-file-seek.ts';
import { opened, read } from './opened-file.ts';
import { createStage } from './stage.ts';

suite('guest-file-read', () => {
  it('guest-file-read reports the end of a file only by reading beyond it', async (t) => {
    const { stage, handle } = await opened(t, 'hello');
    assert.deepEqual(await read(stage, handle, 5), { text: 'hello', count: 5, eof: false });
    assert.equal(await stage.wire('guest-file-read', { handle }), '{"return": {"count": 0, "buf-b64": "", "eof": true}}\n');
    assert.deepEqual(await read(stage, handle, 5), { text: '', count: 0, eof: true });
  });

  it('guest-file-read returns both bytes and the end when fewer are left than requested', async (t) => {
    const { stage, handle } = await opened(t, 'hello');
    assert.deepEqual(await read(stage, handle, 4096), { text: 'hello', count: 5, eof: true });
    assert.deepEqual(await stage.ask(fileSeek, { handle, offset: 1n, whence: 'set' }), 1n);
    assert.deepEqual(await read(stage, handle, 2), { text: 'el', count: 2, eof: false });
  });

  it('guest-file-read sees what a file gains after its end was reported', async (t) => {
    const { stage, handle, path } = await opened(t, 'one');
    await read(stage, handle, 10);
    writeFileSync(path, 'one two');
    assert.deepEqual(await read(stage, handle, 10), { text: ' two', count: 4, eof: true });
  });

  it('guest-file-read reads 4096 bytes without a count, and none for a count of 0', async (t) => {
    const { stage, handle } = await opened(t, 'x'.repeat(5000));
    assert.deepEqual(await read(stage, handle, 0), { text: '', count: 0, eof: false });
    assert.match(await stage.wire('guest-file-read', { handle }), /"count": 4096, .*"eof": false/);
  });

  it('guest-file-read reads 48 MiB at once and refuses a byte more', async (t) => {
    const { stage, path } = await opened(t, '');
    const most = 48 * 2 ** 20;
    writeFileSync(path, Buffer.alloc(most + 1, 7));
    const handle = await stage.ask(fileOpen, { path, mode: 'r' });
    const answer = await stage.ask(fileRead, { handle, count: most });
    assert.equal(answer.count, most);
    assert.equal(answer.eof, false);
    assert.ok(Buffer.from(answer.base64, 'base64').equals(Buffer.alloc(most, 7)));
    for (const count of [most + 1, -1, 2 ** 31, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      assert.equal(await stage.refusal('guest-file-read', { handle, count }), `value '${count}' is invalid for argument count`);
    }
  });

  it('guest-file-read loses nothing that a FIFO has returned', async (t) => {
    const stage = createStage(t);
    const path = join(stage.directory, 'fifo');
    await run(['mkfifo', path]);
    const handle = await stage.ask(fileOpen, { path, mode: 'r' });
    const writer = openSync(path, 'w');
    writeSync(writer, 'abc');
    assert.deepEqual(await read(stage, handle, 4096), { text: 'abc', count: 3, eof: false });
    assert.equal(await stage.refusal('guest-file-read', { handle }), 'failed to read file: Resource temporarily unavailable');
    closeSync(writer);
    assert.deepEqual(await read(stage, handle, 4096), { text: '', count: 0, eof: true });
  });

  it('guest-file-read reports the kernel’s error for a directory', async (t) => {
    const stage = createStage(t);
    const handle = await stage.ask(fileOpen, { path: stage.directory, mode: 'r' });
    assert.equal(await stage.refusal('guest-file-read', { handle }), 'failed to read file: Is a directory');
    assert.ok(stage.audits.includes(`info: guest-file-read failed, handle: ${handle}`));
  });
});
