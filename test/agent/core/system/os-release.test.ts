/** os-release files, real and broken. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import fc from 'fast-check';
import { parseOsRelease } from '../../../../agent/core/system/os-release.ts';

const parse = (text: string) => Object.fromEntries(parseOsRelease(text));

suite('os-release', () => {
  it('os-release is read as distributions write it', () => {
    assert.deepEqual(
      parse(`PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n`),
      { PRETTY_NAME: 'Debian GNU/Linux 12 (bookworm)', NAME: 'Debian GNU/Linux', VERSION_ID: '12', ID: 'debian' },
    );
    assert.deepEqual(parse(`NAME='Alpine Linux'\nID=alpine\nVERSION_ID=3.20.1\nANSI_COLOR="0;34"\n`), {
      NAME: 'Alpine Linux',
      ID: 'alpine',
      VERSION_ID: '3.20.1',
      ANSI_COLOR: '0;34',
    });
  });

  it('os-release is unquoted as by a shell', () => {
    const cases: [string, string][] = [
      ['"Unit test \\"\\\'\\$\\`\\\\ and \\\\\\\\ etc."', 'Unit test "\'$`\\ and \\\\ etc.'],
      [String.raw`"a\nb"`, String.raw`a\nb`],
      [String.raw`'a\nb"c'`, String.raw`a\nb"c`],
      [String.raw`'a\$b'`, String.raw`a\$b`],
      [String.raw`a\ b`, 'a b'],
      [`"a"'b'c`, 'abc'],
      ['a # comment', 'a'],
      ['a;b', 'a'],
      ['', ''],
      ['""', ''],
      ['"1', '1'],
      ["'it", 'it'],
      ['a\\', 'a\\'],
      ['a=b', 'a=b'],
    ];
    for (const [written, value] of cases) assert.deepEqual(parse(`X=${written}\n`), { X: value }, written);
  });

  it('lines that are not assignments are ignored, and the last of several assignments counts', () => {
    assert.deepEqual(parse('# ID=no\n\nnonsense\n1A=no\n A=yes\r\nB = no\nA=again'), { A: 'again' });
  });

  it('any text is read without an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        for (const value of parseOsRelease(`A=${text}`).values()) assert.ok(value.length <= text.length + 2);
      }),
    );
  });

  it('every quoted value is read back unchanged', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 50 }), (text) => {
        const line = text.replaceAll(/[\r\n]/g, '');
        const quoted = line.replaceAll(/["\\$`']/g, (character) => `\\${character}`);
        assert.equal(parse(`A="${quoted}"`).A, line);
      }),
    );
  });
});
