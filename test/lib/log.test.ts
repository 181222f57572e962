/** A line of a log is one line, whatever stands in it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logLine } from '../../lib/log.ts';

test('a message and facts with line breaks and escapes make one line, which no terminal obeys', (t) => {
  const written: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => written.push(text) > 0);
  logLine('host')('error', 'refused: x\u001b]52;c;ZXZpbA==\u0007\n2026-11-26T00:00:00.000Z info host: guest prod-db is thawed', {
    guest: 'a\nb\u202e',
  });
  t.mock.restoreAll();
  assert.equal(written.length, 1);
  assert.match(
    written[0]!,
    /^[\dT:.Z-]+ error host: refused: x\\x1b\]52;c;ZXZpbA==\\x07\\x0a2026-11-26T00:00:00.000Z info host: guest prod-db is thawed guest=a\\x0ab\\u202e\n$/,
  );
});

test('a line of megabytes is cut', (t) => {
  const written: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => written.push(text) > 0);
  logLine('warden')('error', 'y'.repeat(9_000_000));
  t.mock.restoreAll();
  assert.ok(written[0]!.length < 2_200);
});
