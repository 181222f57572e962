/** Tables, progress and text as they reach a terminal or a log. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgress } from '../../../cli/render/progress.ts';
import { displayWidth, renderFields, renderTable } from '../../../cli/render/table.ts';
import { escapeText } from '../../../lib/escape.ts';
import { formatTime } from '../../../cli/render/text.ts';

test('columns are aligned by what is seen, the last one is not padded, empty cells show a dash', () => {
  const table = renderTable(
    ['NAME', 'STATE', 'ID'],
    [
      ['db1', 'running', 'x'],
      ['データ', '', 'y'],
    ],
    { width: undefined },
  );
  assert.deepEqual(table.split('\n'), ['NAME    STATE    ID', 'db1     running  x', 'データ  -        y', '']);
});

test('lines are cut to a terminal, and only to a terminal', () => {
  const rows = [['a', 'x'.repeat(50)]];
  assert.deepEqual(renderTable(['A', 'B'], rows, { width: 10 }).split('\n').map(displayWidth), [4, 10, 0]);
  assert.match(renderTable(['A', 'B'], rows, { width: 10 }), /^a  x{6}…$/m);
  assert.match(renderTable(['A', 'B'], rows, { width: undefined }), /x{50}/);
});

test('the items of a list are printed below one another', () => {
  assert.equal(
    renderFields([
      ['a', '1'],
      ['long', ['2', '3']],
    ]),
    'a     1\nlong  2\n      3\n',
  );
});

test('cells and fields are escaped', () => {
  assert.match(renderTable(['A'], [['\u001b]0;x\u0007']], { width: undefined }), /^\\x1b\]0;x\\x07$/m);
  assert.equal(renderFields([['a', 'x\ny']]), 'a  x\\x0ay\n');
});

test('what redraws, hides or reorders is escaped; other text is left alone', () => {
  assert.equal(escapeText('a\tb\rc\u009bd'), 'a\\x09b\\x0dc\\x9bd');
  assert.equal(escapeText('\u202eabc\u200b\ufeff'), '\\u202eabc\\u200b\\ufeff');
  assert.equal(escapeText('dätä 数据 🙂 ~/x'), 'dätä 数据 🙂 ~/x');
  assert.equal(escapeText('\ud800x'), '\ufffdx');
});

test('times are shown to the second, and text that is not a time is escaped', () => {
  assert.equal(formatTime('2026-01-02T03:04:05.678Z'), '2026-01-02 03:04:05Z');
  assert.equal(formatTime('\u001bwhat'), '\\x1bwhat');
});

function recorded(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  let nowMs = 0;
  const stream = { write: (text: string) => void written.push(text) };
  const context = { process: { stdout: stream, stderr: stream, env: {} }, isTTY, columns };
  return { written, progress: createProgress(context, () => nowMs), at: (ms: number) => (nowMs = ms) };
}
const copy = (done: number) => ({ stage: 'copy', bytes: { done, total: 1000, disk: 'disk0' } });

test('on a terminal progress is one line, redrawn, with bar, bytes and rate, within the width', () => {
  const { written, progress, at } = recorded(true, 60);
  const wide = recorded(true, 80);
  progress.show({ stage: 'window' });
  progress.show(copy(0));
  at(2_000);
  progress.show(copy(500));
  wide.progress.show(copy(0));
  wide.at(2_000);
  wide.progress.show(copy(500));
  progress.clear();
  assert.equal(wide.written.at(-1), '\r\u001b[Kcopy [##########..........] disk0: 50%, 500 B of 1000 B, 250 B/s');
  assert.deepEqual(written, [
    '\r\u001b[Kwindow …',
    '\r\u001b[Kcopy [....................] disk0: 0%, 0 B of 1000 B',
    '\r\u001b[Kcopy [##########..........] disk0: 50%, 500 B of 1000 B',
    '\r\u001b[K',
  ]);
});

test('without a terminal progress is a line for each stage and each tenth', () => {
  const { written, progress, at } = recorded(false);
  progress.show({ stage: 'window' });
  progress.show({ stage: 'window' });
  for (const done of [0, 50, 99, 100, 120, 350, 1000]) {
    at(done * 10);
    progress.show(copy(done));
  }
  progress.clear();
  assert.deepEqual(written, [
    'window\n',
    'copy disk0: 0%, 0 B of 1000 B\n',
    'copy disk0: 10%, 100 B of 1000 B, 100 B/s\n',
    'copy disk0: 35%, 350 B of 1000 B, 100 B/s\n',
    'copy disk0: 100%, 1000 B of 1000 B, 100 B/s\n',
  ]);
});
