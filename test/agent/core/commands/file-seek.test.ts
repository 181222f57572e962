/** guest-file-seek: places, and what is none. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it, suite } from 'node:test';
import { run } from '../../../../lib/run.ts';
import { fileOpen } from '../../../../protocol/agent/commands/guest-file-open.ts';
import { fileSeek } from '../../../../protocol/agent/commands/guest-file-seek.ts';
import { opened } from './opened-file.ts';

suite('guest-file-seek', () => {
  it('guest-file-seek moves from each of the three places', async (t) => {
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

  it('guest-file-seek checks the word of the place first, then the handle, then the number of the place', async (t) => {
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

  it('guest-file-seek reports the kernel’s error for invalid places', async (t) => {
    const { stage, handle } = await opened(t, 'x');
    for (const offset of [-1, -(2n ** 63n)])
      assert.equal(
        await stage.refusal('guest-file-seek', { handle, offset, whence: 0 }),
        'failed to seek file: Invalid argument',
      );
    const path = join(stage.directory, 'fifo');
    await run(['mkfifo', path]);
    const fifo = await stage.ask(fileOpen, { path, mode: 'r' });
    assert.equal(
      await stage.refusal('guest-file-seek', { handle: fifo, offset: 0, whence: 0 }),
      'failed to seek file: Illegal seek',
    );
  });
});
