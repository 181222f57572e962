/** The binary as a process: how it ends, what it starts, and that it does nothing while idle. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { makeDirectory, runToEnd, startAgent } from './agent-process.ts';
import { endsWell, forEachBinary } from './binaries.ts';

forEachBinary((binary) => {
  it('wrong usage ends with status 1 and one sentence, and questions about the program with 0', async (t) => {
    const directory = await makeDirectory(t);
    const file = join(directory, 'file');
    await writeFile(file, 'not a socket');
    const listen = ['-m', 'unix-listen', '-t', directory, '-p'];
    const program = await binary();
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
      return { status, said: stdout !== '', complained: stderr !== '' };
    };
    const wrong = { status: 1, said: false, complained: true };
    const told = { status: 0, said: true, complained: false };
    assert.deepEqual(run('--no-such-option'), wrong);
    assert.deepEqual(run('-m', 'carrier-pigeon'), wrong);
    assert.deepEqual(run('-m', 'unix-listen', '-t', join(directory, 'missing'), '-p', join(directory, 's')), wrong);
    assert.deepEqual(run(...listen, join(directory, 'missing', 's')), wrong);
    assert.deepEqual(run(...listen, join(directory, 'x'.repeat(120))), wrong);
    assert.deepEqual(run(...listen, file), wrong);
    assert.equal(await readFile(file, 'utf8'), 'not a socket');
    assert.deepEqual(run('--version'), told);
    assert.deepEqual(run('--help'), told);
    assert.deepEqual(run('-D', ...listen, file), told);
  });

  it('an agent in the background holds its pid file, serves, and ends on SIGTERM', async (t) => {
    const directory = await makeDirectory(t);
    const pidFile = join(directory, 'pid');
    const args = ['-d', '-m', 'unix-listen', '-p', join(directory, 'agent.sock'), '-t', directory, '-f', pidFile];
    const { status } = spawnSync(await binary(), args, { stdio: 'ignore' });
    assert.equal(status, 0);
    const pid = await untilFilled(pidFile);
    t.after(() => killIfThere(pid));
    assert.equal((await stat(pidFile)).mode & 0o777, 0o600);
    assert.notEqual(await sessionOf(pid), await sessionOf(process.pid));
    process.kill(pid, 'SIGTERM');
    await untilGone(pid);
  });

  it('programs run with both streams, much output, input, statuses, signals, and as scripts without a first line', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    const shell = (script: string, more = {}) => runToEnd(client, { path: '/bin/sh', arg: ['-c', script], ...more });
    const capture = { 'capture-output': true };

    const both = await shell('echo to-out; echo to-err >&2; exit 3', capture);
    assert.deepEqual([text(both['out-data']), text(both['err-data']), both.exitcode], ['to-out\n', 'to-err\n', 3]);
    const merged = await shell('echo one; echo two >&2', { 'capture-output': 'merged' });
    assert.equal(text(merged['out-data']), 'one\ntwo\n');
    const much = await shell('head -c 3000000 /dev/zero', capture);
    assert.equal(Buffer.from(much['out-data']!, 'base64').length, 3_000_000);
    assert.equal((await shell('kill -9 $$')).signal, 9);
    const input = Buffer.alloc(400_000, 'x').toString('base64');
    assert.equal(text((await shell('wc -c', { ...capture, 'input-data': input }))['out-data'])?.trim(), '400000');
    assert.equal((await shell('exit 0', { 'input-data': input })).exitcode, 0);
    assert.equal(text((await shell('echo $NAME', { ...capture, env: ['NAME=value'] }))['out-data']), 'value\n');

    const script = join(agent.directory, 'script');
    await writeFile(script, 'echo "by shell: $1"\n', { mode: 0o755 });
    const plain = await runToEnd(client, { path: script, arg: ['word'], ...capture });
    assert.equal(text(plain['out-data']), 'by shell: word\n');

    client.send('{"execute":"guest-exec","arguments":{"path":"/no/such/program"}}');
    assert.match(await client.line(), /Failed to execute child process.*\(No such file or directory\)/);
    await mkdir(join(agent.directory, 'folder'));
    client.send(`{"execute":"guest-exec","arguments":{"path":"${join(agent.directory, 'folder')}"}}`);
    assert.match(await client.line(), /\(Permission denied\)/);
    await endsWell(agent);
  });

  it('a program inherits no descriptor of the agent, and has the usual signals', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    const script = 'ls /proc/self/fd; grep -E "SigBlk|SigIgn" /proc/self/status; nice';
    const found = await runToEnd(client, { path: '/bin/sh', arg: ['-c', script], 'capture-output': true });
    // What this test has inherited itself, the agent passes on too.
    const wanted = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    assert.equal(text(found['out-data']), wanted.stdout);
    await endsWell(agent);
  });

  it('nothing wakes the agent while it is idle, with a client and without', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    await client.ask('guest-ping');
    await asleep(agent.pid);
    const connected = await switches(agent.pid);
    await otherWork(t, await binary());
    assert.equal(await switches(agent.pid), connected);
    await client.leave();
    await asleep(agent.pid);
    const alone = await switches(agent.pid);
    await otherWork(t, await binary());
    await asleep(agent.pid);
    // Taking note of the client's leave may have been one more.
    assert.ok((await switches(agent.pid)) - alone <= 1);
    await endsWell(agent);
  });
});

function text(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('latin1');
}

/** Another agent's conversation, long enough for a loop that polls to show. */
async function otherWork(t: Parameters<typeof startAgent>[0], program: string): Promise<void> {
  const other = await startAgent(t, program);
  const client = await other.connect();
  for (let times = 0; times < 500; times++) await client.ask('guest-ping');
  await client.leave();
}

async function switches(pid: number): Promise<number> {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]);
}

/** Back in epoll_wait(2) after what was asked last, and after what it does by itself a second after its start. */
async function asleep(pid: number): Promise<void> {
  while (!/^State:\s+S/m.test(await readFile(`/proc/${pid}/status`, 'utf8')) || (await hasTimer(pid)));
}

/** By its timerfd (proc(5), fdinfo). */
async function hasTimer(pid: number): Promise<boolean> {
  const directory = `/proc/${pid}/fdinfo`;
  const infos = await Promise.all((await readdir(directory)).map((fd) => readFile(`${directory}/${fd}`, 'utf8')));
  return infos.some((info) => info.includes('it_value:') && !info.includes('it_value: (0, 0)'));
}

/** Field 6 of proc(5)'s stat. */
async function sessionOf(pid: number): Promise<string | undefined> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8');
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[3];
}

async function untilFilled(path: string): Promise<number> {
  for (;;) {
    const content = await readFile(path, 'utf8').catch(() => '');
    if (content.endsWith('\n')) return Number(content);
  }
}

/** Whose child it is reaps it at some time; a zombie has ended too. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
    if (status === undefined || /^State:\s+Z/m.test(status)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // As it should be.
  }
}
