/** The one test command: format, lint, types, dead code, then every test; or with arguments, only the tests whose path begins so. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { glob } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = `${root}node_modules/.bin/`;

/** Guests and servers of several files at once starve one another on two cores. */
const concurrency = 2;

/** A test that waits for what never comes must say which it was, and not hold everybody up; the slowest file takes two minutes. */
const longestTestMs = 300_000;

const checks: [string, string[]][] = [
  ['prettier', ['--check', '--log-level=warn', '.']],
  ['oxlint', ['--type-aware', '--deny-warnings']],
  ['tsc', ['--noEmit', '-p', '.']],
  ['knip', []],
];

/** Needs Go, and builds a server for five minutes: run by name, where somebody runs or changes a cluster. */
const onDemand = 'test/cluster/';

let running: ChildProcess | undefined;
// Ctrl-C reaches all of us by itself; a SIGTERM must not leave the tests' guests and servers without a parent.
process.on('SIGTERM', () => running?.kill('SIGTERM')).on('SIGINT', () => {});

const prefixes = process.argv.slice(2);
for (const [program, args] of prefixes.length === 0 ? checks : []) {
  if (await run(program, bin + program, args)) continue;
  process.stdout.write(`\n== ${program} failed: the tests did not run\n`);
  process.exit(1);
}

const files: string[] = [];
for await (const file of glob('test/**/*.test.ts', { cwd: root })) {
  const chosen = prefixes.length === 0 ? !file.startsWith(onDemand) : prefixes.some((prefix) => file.startsWith(prefix));
  if (chosen) files.push(file);
}
if (files.length === 0) {
  process.stderr.write(`no test file begins with ${prefixes.join(' or ')}\n`);
  process.exit(1);
}
const options = ['--test', `--test-timeout=${longestTestMs}`, `--test-concurrency=${concurrency}`, '--test-reporter=spec'];
// The runner's own closing lines stay the last ones: CI reads them.
process.exitCode = (await run('tests', process.execPath, [...options, ...files.toSorted()])) ? 0 : 1;

/** Whether it ended with status 0. */
async function run(name: string, program: string, args: string[]): Promise<boolean> {
  process.stdout.write(`\n== ${name}\n`);
  running = spawn(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const [status] = (await once(running, 'exit')) as [number | null];
  return status === 0;
}
