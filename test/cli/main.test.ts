/** Wrong usage, help, no server: what a person sees before anything has happened. */

import { generateHelpTextForAllCommands, type Application, type CommandContext } from '@stricli/core';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { createApp } from '../../cli/app.ts';
import { runCli, runHere } from './run-cli.ts';
import { temporaryFolder } from '../support/folder.ts';

// Help needs no context, and the library's type asks for the widest.
const helps = generateHelpTextForAllCommands(createApp({ json: false }) as unknown as Application<CommandContext>);

test('there is a command for each thing that the manual names', () => {
  assert.deepEqual(helps.map(([route]) => route.replace(/^stillframe ?/, '')).sort(), [
    'backup cancel',
    'backup follow',
    'backup list',
    'backup run',
    'backup show',
    'doctor',
    'guest freeze',
    'guest info',
    'guest list',
    'guest ping',
    'guest show',
    'guest status',
    'guest thaw',
    'point list',
    'point show',
    'repository forget',
    'repository init',
    'restore',
    'thaw',
    'up',
    'window run',
    'worker control',
    'worker guardian',
    'worker host',
  ]);
});

for (const [route, help] of helps) {
  test(`the help of ${route} ends in its exit statuses`, () => {
    const [, list] = help.split('\n\nEXIT STATUS\n');
    assert.ok(list, help);
    assert.ok(
      list
        .trimEnd()
        .split('\n')
        .every((line) => /^ {2}( |\d)( |\d)\d {2}\S/.test(line)),
      list,
    );
    for (const status of ['  0', '  1', '  2'])
      assert.ok(list.includes(`\n  ${status}  `) || list.startsWith(`  ${status}  `), list);
  });
}

test('the version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  assert.deepEqual(await runCli(['--version']), { status: 0, stdout: `${version}\n`, stderr: '' });
});

test('a wrong command ends the process with status 2', async () => {
  const { status, stderr } = await runCli(['bakup']);
  assert.equal(status, 2);
  assert.match(stderr, /^stillframe: No command registered/);
});

const wrong: [args: string[], said: RegExp][] = [
  [['bakup'], /No command registered for `bakup`, did you mean `backup`\?\n"stillframe --help" lists the commands/],
  [['backup', 'rn'], /No command registered for `rn`, did you mean `run`\?/],
  [['backup', 'run', 'db1', '--wnt', 'x'], /No flag registered for --wnt, did you mean --want\?\nAdd --help/],
  [['backup', 'run', 'db1', '--want', 'best'], /Expected "best" to be one of \(application\|filesystem\|crash-atomic\|crash\)/],
  [['backup', 'run'], /Expected argument for GUEST/],
  [['backup', 'run', 'db1', 'db2'], /Too many arguments/],
  [['backup', 'list', '--limit', '0'], /"0" for limit: expected a whole number above 0/],
  [['guest', 'freeze', 'db1', '--lease', '10'], /"10" for lease: expected a duration such as 10s/],
  [['restore', '20260101T020000-1a2b3c4d'], /Expected input for flag --to/],
  [['window', 'run', 'db1'], /Expected input for flag --snapshot/],
  [['thaw'], /say which thaw: "stillframe thaw --local" .* "stillframe guest thaw GUEST"/],
  [['point', 'list', '--path', '/a', '--repository', 'b'], /--path and --repository name one thing twice/],
];

for (const [args, said] of wrong) {
  test(`wrong usage: stillframe ${args.join(' ')}`, async () => {
    const { status, stdout, stderr } = await runHere(args);
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^stillframe: /);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });
}

/** A port that was free just now: no process answers there. */
async function deadAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

test('without a Temporal server the error has its address, how to start one, and status 7', async () => {
  const address = await deadAddress();
  const { status, stdout, stderr } = await runCli(['guest', 'list'], { TEMPORAL_ADDRESS: address });
  assert.equal(status, 7);
  assert.equal(stdout, '');
  assert.equal(
    stderr,
    `stillframe: the Temporal server at ${address} did not answer within 3 s: start one with "stillframe up", or name yours with --address or TEMPORAL_ADDRESS\n`,
  );
});

test('the flag wins over the variable, and --json prints errors as one line', async () => {
  const address = await deadAddress();
  const { status, stderr } = await runCli(['backup', 'run', 'db1', '--json', '--address', address], {
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  });
  assert.equal(status, 7);
  const { message, ...told } = JSON.parse(stderr) as { message: string };
  assert.deepEqual(told, { message_type: 'error', code: 'temporal-unreachable', status: 7, causes: [] });
  assert.match(message, new RegExp(`at ${address} did not answer`));
});

test("a bad host's file is reported with its places, and a missing one with how to make it", async (t) => {
  const directory = await temporaryFolder(t);
  const path = join(directory, 'host.yaml');
  const missing = await runCli(['point', 'list'], { STILLFRAME_CONFIG: path });
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /the host's file does not exist\. Write one/);
  assert.doesNotMatch(missing.stderr, /because/);
  await writeFile(path, 'host: a\nguests: []\nscratch: { path: /s }\nrepostories: {}\n');
  const bad = await runCli(['point', 'list', '--config', path]);
  assert.equal(bad.status, 2);
  assert.ok(bad.stderr.startsWith(`stillframe: ${path}:4:1: repostories: unknown key. Did you mean "repositories"?`), bad.stderr);
});

test('what a command does not need is not loaded: neither SDK nor schemas for a worker, so that the warden stays small', async (t) => {
  const directory = await temporaryFolder(t);
  const spy = join(directory, 'spy.mjs');
  await writeFile(
    spy,
    `import { registerHooks } from 'node:module';
     registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`,
  );
  // The state directory is a file, so the warden ends at once, after everything of it is loaded.
  const { stderr } = await runCli(['worker', 'host', '--state', spy, '--config', spy], { NODE_OPTIONS: `--import=${spy}` });
  assert.match(stderr, /workers\/warden\.ts/);
  assert.doesNotMatch(stderr, /node_modules\/(@temporalio|zod|yaml)\//);
});
