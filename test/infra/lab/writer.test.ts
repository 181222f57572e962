import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { compareWithWriter, writerContent } from '../../../infra/lab/writer.ts';

function filesOf(disk: string, first: number, last: number): Map<string, string> {
  const files = new Map<string, string>();
  for (let seq = first; seq <= last; seq++) {
    files.set(`f-${String(seq).padStart(6, '0')}`, createHash('sha256').update(writerContent(disk, seq)).digest('hex'));
  }
  return files;
}

test('content names its disk and its number', () => {
  assert.match(writerContent('disk0', 7).toString(), /^disk0 7\ndisk0 7\n/);
  assert.notDeepEqual(writerContent('disk0', 7), writerContent('disk1', 7));
});

test('what the writer wrote compares equal; a file that is being written is not its own yet', () => {
  const found = filesOf('disk0', 1, 20).set('writing', 'anything');
  assert.deepEqual(compareWithWriter('disk0', found, 20), { files: 20, mismatches: 0, missing: 0 });
});

test('a file with other bytes is a mismatch', () => {
  const found = filesOf('disk0', 1, 20).set('f-000004', filesOf('disk1', 4, 4).get('f-000004')!);
  assert.deepEqual(compareWithWriter('disk0', found, 20), { files: 20, mismatches: 1, missing: 0 });
});

test('a file that was reported safe and is not there is missing; one that was not yet reported may be there or not', () => {
  const found = filesOf('disk0', 1, 20);
  found.delete('f-000005');
  assert.equal(compareWithWriter('disk0', found, 18).missing, 1);
  assert.equal(compareWithWriter('disk0', found, 21).missing, 2);
});

test('files that the writer itself removed are not missing', () => {
  assert.deepEqual(compareWithWriter('disk0', filesOf('disk0', 601, 1000), 1000), { files: 400, mismatches: 0, missing: 0 });
});
