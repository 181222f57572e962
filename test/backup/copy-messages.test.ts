/** The process of a copy reads what guests wrote: a report that an honest one cannot make is refused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatReport, readReports, type CopyReport } from '../../backup/copy-messages.ts';
import { cleanDisk } from '../workflows/stand-ins.ts';

const { sha256, inspection } = cleanDisk;
const done: CopyReport = { kind: 'done', findings: [{ sha256, inspection }] };
const progress: CopyReport = { kind: 'progress', disk: 0, doneBytes: 512 };

test('reports arrive whole, however the pipe cuts them', () => {
  const read = readReports(1);
  const text = formatReport(progress) + formatReport(done);
  const reports = [...text].flatMap((character) => read(character));
  assert.deepEqual(reports, [progress, done]);
  assert.deepEqual(readReports(1)(text), [progress, done]);
});

const [row] = inspection.filesystems;
const refused: [what: string, report: unknown, why: RegExp][] = [
  ['no object', 7, /kind is missing/],
  ['a kind of another name', { kind: 'failure', message: '' }, /kind is "failure"/],
  ['a key more', { ...progress, code: 'lease-expired' }, /"code" is not known/],
  ['progress below nothing', { ...progress, doneBytes: -1 }, /doneBytes is -1/],
  ['progress of no disk', { ...progress, disk: 'disk0' }, /disk is "disk0"/],
  ['a hash that is none', { kind: 'done', findings: [{ sha256: 'f00', inspection }] }, /findings\[0\]\.sha256/],
  [
    'a result that is none',
    { kind: 'done', findings: [{ sha256, inspection: { ...inspection, result: 'proven' } }] },
    /result is "proven"/,
  ],
  [
    'a row that is none',
    { kind: 'done', findings: [{ sha256, inspection: { ...inspection, filesystems: [{ ...row, evidence: null }] } }] },
    /evidence is null/,
  ],
];
for (const [what, report, why] of refused) {
  test(`a report is refused: ${what}`, () => {
    assert.throws(() => readReports(1)(`${JSON.stringify(report)}\n`), { code: 'copy-failed', message: why });
  });
}

test('a report that is not JSON is refused, and shown in one line that no terminal obeys', () => {
  assert.throws(() => readReports(1)('\u001b[2Jnothing\n'), {
    code: 'copy-failed',
    message: /^[\x20-\x7e…]*run the backup again/,
  });
});

test('reports without an end, and without number, are refused before they fill the memory of the worker', () => {
  const flood = (piece: string) => {
    const read = readReports(2);
    for (let bytes = 0; bytes < 2 ** 20; bytes += piece.length) read(piece);
  };
  assert.throws(() => flood('x'.repeat(1024)), { code: 'copy-failed', message: /more than 131072 bytes for each disk/ });
  assert.throws(() => flood(formatReport(progress)), { code: 'copy-failed' });
});
