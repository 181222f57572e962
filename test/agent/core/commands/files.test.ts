/** guest-file-*: what stands in the files afterwards, what the answers say, and what is refused. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { it, suite, type TestContext } from 'node:test';
import { fileClose } from '../../../../protocol/agent/commands/guest-file-close.ts';
import { fileFlush } from '../../../../protocol/agent/commands/guest-file-flush.ts';
import { fileOpen } from '../../../../protocol/agent/commands/guest-file-open.ts';
import { fileRead } from '../../../../protocol/agent/commands/guest-file-read.ts';
import { fileSeek } from '../../../../protocol/agent/commands/guest-file-seek.ts';
import { fileWrite } from '../../../../protocol/agent/commands/guest-file-write.ts';
import { createStage, type Stage } from './stage.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

async function opened(t: TestContext, content: string, mode = 'r') {
  const stage = createStage(t);
  const path = join(stage.directory, 'file');
  writeFileSync(path, content);
  return { stage, path, handle: await stage.ask(fileOpen, { path, mode }) };
}

const read = async (stage: Stage, handle: number, count: number) => {
  const { base64: text, ...rest } = await stage.ask(fileRead, { handle, count });
  return { text: Buffer.from(text, 'base64').toString(), ...rest };
};

suite('guest-file-read', () => {
  it('meets the end only by reading beyond it', async (t) => {
    const { stage, handle } = await opened(t, 'hello');
    assert.deepEqual(await read(stage, handle, 5), { text: 'hello', count: 5, eof: false });
    assert.equal(await stage.wire('guest-file-read', { handle }), '{"return": {"count": 0, "buf-b64": "", "eof": true}}\n');
    assert.deepEqual(await read(stage, handle, 5), { text: '', count: 0, eof: true });
  });

  it('says both bytes and end when fewer are left than were asked for', async (t) => {
    const { stage, handle } = await opened(t, 'hello');
    assert.deepEqual(await read(stage, handle, 4096), { text: 'hello', count: 5, eof: true });
    assert.deepEqual(await stage.ask(fileSeek, { handle, offset: 1n, whence: 'set' }), 1n);
    assert.deepEqual(await read(stage, handle, 2), { text: 'el', count: 2, eof: false });
  });

  it('sees what a file gains after its end was met', async (t) => {
    const { stage, handle, path } = await opened(t, 'one');
    await read(stage, handle, 10);
    writeFileSync(path, 'one two');
    assert.deepEqual(await read(stage, handle, 10), { text: ' two', count: 4, eof: true });
  });

  it('reads 4096 bytes when no count is given, and none when 0 is', async (t) => {
    const { stage, handle } = await opened(t, 'x'.repeat(5000));
    assert.deepEqual(await read(stage, handle, 0), { text: '', count: 0, eof: false });
    assert.match(await stage.wire('guest-file-read', { handle }), /"count": 4096, .*"eof": false/);
  });

  it('reads 48 MiB at once and refuses a byte more', async (t) => {
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

  it('loses nothing that a FIFO has given', async (t) => {
    const stage = createStage(t);
    const path = join(stage.directory, 'fifo');
    execFileSync('mkfifo', [path]);
    const handle = await stage.ask(fileOpen, { path, mode: 'r' });
    const writer = openSync(path, 'w');
    writeSync(writer, 'abc');
    assert.deepEqual(await read(stage, handle, 4096), { text: 'abc', count: 3, eof: false });
    assert.equal(await stage.refusal('guest-file-read', { handle }), 'failed to read file: Resource temporarily unavailable');
    closeSync(writer);
    assert.deepEqual(await read(stage, handle, 4096), { text: '', count: 0, eof: true });
  });

  it('says what the kernel said about a directory', async (t) => {
    const stage = createStage(t);
    const handle = await stage.ask(fileOpen, { path: stage.directory, mode: 'r' });
    assert.equal(await stage.refusal('guest-file-read', { handle }), 'failed to read file: Is a directory');
    assert.ok(stage.audits.includes(`info: guest-file-read failed, handle: ${handle}`));
  });
});

suite('guest-file-write', () => {
  it('has written when it answers', async (t) => {
    const { stage, handle, path } = await opened(t, '', 'w');
    assert.equal(
      await stage.wire('guest-file-write', { handle, 'buf-b64': base64('hello\0world') }),
      '{"return": {"count": 11, "eof": false}}\n',
    );
    assert.equal(readFileSync(path, 'latin1'), 'hello\0world');
  });

  it('takes as many bytes as count says', async (t) => {
    const { stage, handle, path } = await opened(t, '', 'w');
    for (const count of [3, 0]) await stage.value('guest-file-write', { handle, 'buf-b64': base64('hello'), count });
    assert.equal(readFileSync(path, 'utf8'), 'hel');
    for (const count of [6, -1, 2 ** 31, 2n ** 63n - 1n]) {
      const args = { handle, 'buf-b64': base64('hello'), count };
      assert.equal(await stage.refusal('guest-file-write', args), `value '${count}' is invalid for argument count`);
    }
  });

  it('takes base64 as qemu-ga does, and says so when its end is missing', async (t) => {
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

  it('tells a full disk by the write that met it, and goes on', async (t) => {
    const stage = createStage(t);
    const handle = await stage.ask(fileOpen, { path: '/dev/full', mode: 'w' });
    const args = { handle, 'buf-b64': base64('hello') };
    assert.equal(await stage.refusal('guest-file-write', args), 'failed to write to file: No space left on device');
    await stage.ask(fileClose, { handle });
    assert.equal(await stage.refusal('guest-file-write', args), `handle '${handle}' has not been found`);
  });

  it('says how much a FIFO took before it was full', async (t) => {
    const stage = createStage(t);
    const path = join(stage.directory, 'fifo');
    execFileSync('mkfifo', [path]);
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

  it('refuses what was opened for reading, and reads what was just written', async (t) => {
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

suite('guest-file-open', () => {
  it('takes the modes of fopen and no others', async (t) => {
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

  it('appends wherever the file stands', async (t) => {
    const { stage, handle, path } = await opened(t, 'one', 'a+');
    await stage.ask(fileSeek, { handle, offset: 0n, whence: 'set' });
    await stage.ask(fileWrite, { handle, base64: base64(' two') });
    assert.equal(readFileSync(path, 'utf8'), 'one two');
  });

  it('makes new files for everybody whatever the umask, and leaves the mode of those that are there', async (t) => {
    const { stage, path } = await opened(t, '');
    chmodSync(path, 0o600);
    await stage.ask(fileOpen, { path, mode: 'w' });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await stage.ask(fileOpen, { path: `${path}-new`, mode: 'w' });
    assert.equal(statSync(`${path}-new`).mode & 0o777, 0o666);
  });

  it('makes nothing through a link that leads nowhere', async (t) => {
    const stage = createStage(t);
    const path = join(stage.directory, 'link');
    symlinkSync(join(stage.directory, 'nowhere'), path);
    assert.equal(
      await stage.refusal('guest-file-open', { path, mode: 'w' }),
      `failed to open file '${path}' (mode: 'w'): No such file or directory`,
    );
  });

  it('says which file in which mode the kernel refused', async (t) => {
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

  it('refuses a NUL instead of opening what stands before it', async (t) => {
    const { stage, path } = await opened(t, '');
    assert.equal(await stage.refusal('guest-file-open', { path: `${path}\0.txt` }), "Parameter 'path' contains a NUL character");
  });

  it('tells the owner of the guest what was opened and closed', async (t) => {
    const { stage, handle, path } = await opened(t, '');
    await stage.ask(fileClose, { handle });
    assert.deepEqual(stage.audits, [
      `info: guest-file-open called, filepath: ${path}, mode: r`,
      `info: guest-file-open, handle: ${handle}`,
      `info: guest-file-close called, handle: ${handle}`,
    ]);
  });
});

suite('guest-file-seek', () => {
  it('goes where it is told, from each of the three places', async (t) => {
    const { stage, handle } = await opened(t, '0123456789');
    assert.equal(await stage.ask(fileSeek, { handle, offset: 6n, whence: 'set' }), 6n);
    assert.equal(await stage.ask(fileSeek, { handle, offset: -2n, whence: 'cur' }), 4n);
    assert.equal(await stage.ask(fileSeek, { handle, offset: -1n, whence: 'end' }), 9n);
    for (const [whence, position] of [0, 1, 2].entries())
      assert.equal(
        await stage.wire('guest-file-seek', { handle, offset: 0, whence }),
        `{"return": {"position": ${[0, 0, 10][position]}, "eof": false}}\n`,
      );
  });

  it('looks for the handle before it looks at the number of the place, and at its word first of all', async (t) => {
    const { stage, handle } = await opened(t, '');
    assert.equal(await stage.refusal('guest-file-seek', { handle, offset: 0, whence: 3 }), 'invalid whence code 3');
    assert.equal(await stage.refusal('guest-file-seek', { handle, offset: 0, whence: -1 }), 'invalid whence code -1');
    assert.equal(await stage.refusal('guest-file-seek', { handle: 1, offset: 0, whence: 7 }), "handle '1' has not been found");
    assert.equal(
      await stage.refusal('guest-file-seek', { handle: 1, offset: 0, whence: 'foo' }),
      "Parameter 'whence' does not accept value 'foo'",
    );
    assert.equal(
      await stage.refusal('guest-file-seek', { handle: 1, offset: 0, whence: true }),
      "Invalid parameter type for 'whence', expected: GuestFileWhence",
    );
  });

  it('says what the kernel says about places that are none', async (t) => {
    const { stage, handle } = await opened(t, 'x');
    for (const offset of [-1, -(2n ** 63n)])
      assert.equal(
        await stage.refusal('guest-file-seek', { handle, offset, whence: 0 }),
        'failed to seek file: Invalid argument',
      );
    const path = join(stage.directory, 'fifo');
    execFileSync('mkfifo', [path]);
    const fifo = await stage.ask(fileOpen, { path, mode: 'r' });
    assert.equal(
      await stage.refusal('guest-file-seek', { handle: fifo, offset: 0, whence: 0 }),
      'failed to seek file: Illegal seek',
    );
  });
});

suite('handles', () => {
  it('are counted from 1000, and on after a restart', async (t) => {
    const { stage, handle, path } = await opened(t, '');
    assert.equal(handle, 1000);
    assert.equal(await stage.ask(fileOpen, { path, mode: 'r' }), 1001);
    assert.equal(readFileSync(join(stage.directory, 'qga.state'), 'utf8'), '[global]\nfd_counter=1002\n');
    stage.restart();
    assert.equal(await stage.refusal('guest-file-read', { handle }), "handle '1000' has not been found");
    assert.equal(await stage.ask(fileOpen, { path, mode: 'r' }), 1002);
  });

  it('begin anew when what was kept is damaged', async (t) => {
    for (const content of [
      '',
      'fd_counter=1500',
      '[global]\nfd_counter=99999999999999\n',
      '[global]\nfd_counter=-5\n',
      '\0\xff',
    ]) {
      const stage = createStage(t);
      writeFileSync(join(stage.directory, 'qga.state'), content, 'latin1');
      const expected = content.includes('1500') ? 1500 : 1000;
      assert.equal(await stage.ask(fileOpen, { path: '/dev/null', mode: 'r' }), expected, content);
    }
  });

  it('are given out although nothing can be kept', async (t) => {
    const stage = createStage(t);
    mkdirSync(join(stage.directory, 'qga.state'));
    assert.equal(await stage.ask(fileOpen, { path: '/dev/null', mode: 'r' }), 1000);
    assert.equal(await stage.ask(fileOpen, { path: '/dev/null', mode: 'r' }), 1001);
  });

  it('are gone when they are closed; numbers that never were any are refused in the same words', async (t) => {
    const { stage, handle } = await opened(t, '');
    await stage.ask(fileFlush, { handle });
    await stage.ask(fileClose, { handle });
    for (const command of ['guest-file-close', 'guest-file-flush', 'guest-file-read'])
      for (const none of [handle, -1, 0, 999, 2 ** 31, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])
        assert.equal(await stage.refusal(command, { handle: none }), `handle '${none}' has not been found`);
  });
});
