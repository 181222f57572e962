/** Reasons are codes with facts; what a code does to the grade is in one table, and so is what the manual says of it. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { byEffect, effectOf, reason, reasonCodes, type Reason } from '../../../model/window/reasons.ts';

test('a reason is its code and its facts, as journals and manifests have always held it', () => {
  assert.equal(reason('lease-expired'), 'lease-expired');
  assert.equal(reason('not-freezable', '/boot/efi', 'vfat'), 'not-freezable /boot/efi vfat');
});

test('a mount point with spaces changes nothing about the code', () => {
  assert.equal(effectOf(reason('mount-not-frozen', '/my data')), 'lowers');
});

test('a code that this version does not know lowers the grade', () => {
  assert.equal(effectOf('from-the-future /x' as Reason), 'lowers');
  assert.equal(effectOf('constructor' as Reason), 'lowers');
});

test('the gravest reasons come first, and equal ones keep their order', () => {
  const mixed: Reason[] = ['not-inspected disk1 lvm', 'hook-failed pg', 'disk-not-clean disk0 ext4', 'guest-event'];
  assert.deepEqual(byEffect(mixed), ['disk-not-clean disk0 ext4', 'guest-event', 'hook-failed pg', 'not-inspected disk1 lvm']);
});

test('the manual explains every code, with its effect, and no other', async () => {
  const text = await readFile(new URL('../../../docs/020-concepts.md', import.meta.url), 'utf8');
  const rows = text
    .slice(text.indexOf('| reason '))
    .split('\n')
    .filter((line) => /^\| `[a-z-]+[ `]/.test(line));
  const effects = { 'crash-atomic': 'lowers', filesystem: 'not-application', lower: 'named' } as const;
  const explained = rows.flatMap((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    const effect = Object.entries(effects).find(([grade]) => cells.at(-2)!.includes(grade))?.[1];
    return [...cells[1]!.matchAll(/`([a-z-]+)[ `]/g)].map(([, code]) => [code!, effect]);
  });
  const known = Object.entries(reasonCodes).map(([code, { effect }]) => [code, effect]);
  assert.deepEqual(Object.fromEntries(explained), Object.fromEntries(known));
});
