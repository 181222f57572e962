/** The one test command: format, lint, types, dead code, then every test; or with arguments, only the tests whose path begins so. */

import { spawnSync } from 'node:child_process';
import { glob } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = `${root}node_modules/.bin/`;

/** Guests and servers of several files at once starve one another on two cores. */
const concurrency = 2;

const checks: [string, string[]][] = [
  ['prettier', ['--check', '--log-level=warn', '.']],
  ['oxlint', ['--type-aware', '--deny-warnings']],
  ['tsc', ['--noEmit', '-p', '.']],
  ['knip', []],
];

const prefixes = process.argv.slice(2);
if (prefixes.length === 0) for (const [program, args] of checks) runOrExit(program, bin + program, args);

const files: string[] = [];
for await (const file of glob('test/**/*.test.ts', { cwd: root })) {
  if (prefixes.length === 0 || prefixes.some((prefix) => file.startsWith(prefix))) files.push(file);
}
if (files.length === 0) {
  process.stderr.write(`no test file begins with ${prefixes.join(' or ')}\n`);
  process.exit(1);
}
runOrExit('tests', process.execPath, [
  '--test',
  `--test-concurrency=${concurrency}`,
  '--test-reporter=spec',
  ...files.toSorted(),
]);

function runOrExit(name: string, program: string, args: string[]): void {
  process.stdout.write(`\n== ${name}\n`);
  const { status, signal } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status === 0) return;
  process.stdout.write(`\n== ${name} failed (${signal ?? `status ${status}`})\n`);
  process.exit(1);
}
