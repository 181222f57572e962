/** The kernel's reason in an error of Node. */

import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { test } from 'node:test';
import { errnoOf } from '../../lib/errno.ts';

test('an error of a system call has its errno, and every other value has none', async () => {
  const missing = await open('/no/such/file').catch((error: unknown) => error);
  assert.equal(errnoOf(missing), 'ENOENT');
  const ofNode = await open('a\0b').catch((error: unknown) => error);
  assert.equal((ofNode as { code?: string }).code, 'ERR_INVALID_ARG_VALUE');
  for (const other of [ofNode, new Error('plain'), { code: 'ENOENT' }, Object.assign(new Error(), { code: 5 }), null, 'ENOENT'])
    assert.equal(errnoOf(other), null);
});
