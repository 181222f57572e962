/** One way to run a program: what comes back when it ends well, badly, by a signal, too late, or not at all. */

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProgramError, run, runToEnd } from '../../lib/run.ts';
import { temporaryFolder } from '../support/folder.ts';

const shell = (script: string, ...args: string[]) => ['sh', '-c', script, 'sh', ...args];

/** Ends the process that a test's program left, by the id that it printed. */
function stopAfter(printed: string): string {
  process.kill(Number(printed), 'SIGKILL');
  return 'started';
}

async function failure(call: Promise<unknown>): Promise<ProgramError> {
  const error = await call.then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ProgramError, String(error));
  return error;
}

test('a program that ends well gives what it printed, and its arguments reach it as they are', async () => {
  assert.equal(await run(['printf', '%s|', 'a b', '$HOME', '*']), 'a b|$HOME|*|');
});

test('a program gets the given directory, environment and input, and no input when none is given', async () => {
  const printed = await run(shell('pwd; echo "$WORD"; cat'), { cwd: '/proc', env: { WORD: 'x' }, input: 'line\n' });
  assert.equal(printed, '/proc\nx\nline\n');
  assert.equal(await run(['cat']), '');
});

test('a program has ended when its process has, although what it started keeps its output open', async () => {
  assert.equal(await run(shell('sleep 60 & echo $!')).then(stopAfter), 'started');
});

test('a program that does not read its input ends by its own status', async () => {
  assert.equal(await run(['true'], { input: 'x'.repeat(2 ** 20) }), '');
});

test('a program that fails is reported with its command, its status and its complaint', async () => {
  const error = await failure(run(shell('echo out; echo "no pool" >&2; exit 3')));
  assert.equal(error.message, 'sh -c echo out; echo "no pool" >&2; exit 3 sh failed: it ended with status 3 and said: no pool');
  assert.equal(error.reason, 'it ended with status 3 and said: no pool');
  assert.deepEqual(error.ending, { status: 3, killedBy: null, stdout: 'out\n', stderr: 'no pool\n' });
  assert.equal(error.aborted, false);
});

test('a program that a signal kills is reported with the signal', async () => {
  const error = await failure(run(shell('kill -TERM $$')));
  assert.equal(error.reason, 'it ended with SIGTERM');
  assert.deepEqual(error.ending, { status: null, killedBy: 'SIGTERM', stdout: '', stderr: '' });
});

test('a program that does not exist is reported by its name, also to a caller that accepts any end', async () => {
  for (const call of [run(['/no/such/program', '-x']), runToEnd(['/no/such/program', '-x'])]) {
    const error = await failure(call);
    assert.equal(error.message, '/no/such/program -x failed: spawn /no/such/program ENOENT');
    assert.equal(error.ending.status, null);
  }
});

test('a caller that accepts any end gets status and output of a program that fails', async () => {
  const ending = await runToEnd(shell('echo out; echo err >&2; exit 7'));
  assert.deepEqual(ending, { status: 7, killedBy: null, stdout: 'out\n', stderr: 'err\n' });
});

test('a program that is aborted gets SIGKILL, though it ignores other signals, and its children are not waited for', async (t) => {
  const abort = new AbortController();
  const pids = Promise.withResolvers<string>();
  // The background process has both streams open and outlives its parent.
  const script = 'trap "" TERM INT; sleep 1000 & echo "$$ $!"; wait';
  const call = run(shell(script), { signal: abort.signal, onStdout: pids.resolve });
  const [pid, background] = (await pids.promise).trim().split(' ') as [string, string];
  t.after(() => process.kill(Number(background), 'SIGKILL'));
  abort.abort();
  const error = await failure(call);
  assert.equal(error.aborted, true);
  assert.equal(error.reason, 'it was stopped before it ended');
  while (await isAlive(pid));
});

test('a process that has aborted a program can end, though a program of that program lives on and has its output open', async () => {
  const module = new URL('../../lib/run.ts', import.meta.url).href;
  const script = `const { run } = await import(${JSON.stringify(module)});
    const abort = new AbortController();
    const onStdout = (pid) => process.stdout.write(pid, () => abort.abort());
    await run(['sh', '-c', 'sleep 1000 & echo $!; wait'], { signal: abort.signal, onStdout }).catch(() => {});`;
  const background = await run([process.execPath, '--input-type=module', '--eval', script]);
  process.kill(Number(background), 'SIGKILL');
});

test('a call whose signal has fired already fails as aborted', async () => {
  const error = await failure(run(['sleep', '1000'], { signal: AbortSignal.abort() }));
  assert.equal(error.aborted, true);
});

test('a program that prints more than the limit is killed and reported; output beyond the limit is left out', async () => {
  const flood = await failure(run(['yes']));
  assert.equal(flood.message, 'yes failed: it printed more than 67108864 characters');
  const talker = await failure(run(shell('echo 0123456789 >&2; exit 1'), { stderrLimit: 4 }));
  assert.equal(talker.reason, 'it ended with status 1 and said: 0123');
});

test('output that is handed over as it comes has no limit and is not kept', async () => {
  let length = 0;
  const kept = await run(['head', '-c', String(70 * 2 ** 20), '/dev/zero'], { onStdout: (piece) => (length += piece.length) });
  assert.deepEqual([length, kept], [70 * 2 ** 20, '']);
});

test('a program that is to die with its parent dies when the parent is killed, and is reported without the wrapper', async () => {
  const module = new URL('../../lib/run.ts', import.meta.url).href;
  const parent = `const { run } = await import(${JSON.stringify(module)});
    await run(['sh', '-c', 'echo $$; exec sleep 1000'], { diesWithParent: true, onStdout: (pid) => {
      process.stdout.write(pid, () => process.kill(process.pid, 'SIGKILL'));
    } });`;
  const { killedBy, stdout } = await runToEnd([process.execPath, '--input-type=module', '--eval', parent]);
  assert.equal(killedBy, 'SIGKILL');
  while (await isAlive(stdout.trim()));
  const error = await failure(run(shell('exit 2'), { diesWithParent: true }));
  assert.equal(error.message, 'sh -c exit 2 sh failed: it ended with status 2');
});

test('a forked process that is to end with its parent has its IPC channel, and ends when the parent is killed, even when stopped', async (t) => {
  const folder = await temporaryFolder(t);
  const module = new URL('../../lib/run.ts', import.meta.url).href;
  await writeFile(join(folder, 'child.mjs'), `process.on('message', () => process.send(process.pid));`);
  await writeFile(
    join(folder, 'parent.mjs'),
    `import { fork } from 'node:child_process';
    import { forkedToEndWithParent } from ${JSON.stringify(module)};
    const child = fork(${JSON.stringify(join(folder, 'child.mjs'))}, forkedToEndWithParent);
    child.once('message', (pid) => {
      child.kill('SIGSTOP');
      process.stdout.write(String(pid), () => process.kill(process.pid, 'SIGKILL'));
    });
    child.send('ping');`,
  );
  const { killedBy, stdout } = await runToEnd([process.execPath, join(folder, 'parent.mjs')]);
  assert.equal(killedBy, 'SIGKILL');
  while (await isAlive(stdout));
});

/** A process that has ended stays as a zombie until it is reaped (proc(5)). */
async function isAlive(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  return status !== undefined && !/^State:\s+[ZX]/m.test(status);
}
