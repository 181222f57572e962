/** Error numbers in glibc's words, whatever the platform calls them. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import { getSystemErrorMap } from 'node:util';
import { errnoText } from '../../../agent/core/errno.ts';
import { SystemError } from '../../../agent/core/platform.ts';
import { createFiles } from '../../../agent/platform/node/files.ts';

suite('error numbers', () => {
  it('every error number has a text, and an unknown number has one that says so', () => {
    assert.equal(errnoText(2), 'No such file or directory');
    assert.equal(errnoText(28), 'No space left on device');
    assert.equal(errnoText(95), 'Operation not supported');
    assert.equal(errnoText(116), 'Stale file handle');
    for (const none of [41, 58, -1, 134, 4095]) assert.equal(errnoText(none), `Unknown error ${none}`);
    for (const errno of getSystemErrorMap().keys())
      if (errno > -134) assert.ok(!errnoText(-errno).startsWith('Unknown'), String(errno));
  });

  it('errors of files carry the number and the text of the kernel’s refusal', () => {
    const files = createFiles();
    const refused = (call: () => unknown, errno: number) =>
      assert.throws(
        call,
        (error: unknown) => error instanceof SystemError && error.errno === errno && error.message === errnoText(errno),
      );
    refused(() => files.readText('/missing'), 2);
    refused(() => files.list('/dev/null'), 20);
    refused(() => files.readLink('/'), 22);
    refused(() => files.open('/', 1, 0), 21);
    refused(() => files.unlink('/missing/x'), 2);
    refused(() => files.resolve('/missing'), 2);
    refused(() => files.status('/missing'), 2);
  });
});
