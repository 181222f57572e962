/** guest-exec and guest-exec-status with real programs: what they are given, what is kept of them, and for how long. */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, suite, type TestContext } from 'node:test';
import type { Children } from '../../../../agent/core/platform.ts';
import { children } from '../../../../agent/platform/node/children.ts';
import { execStatus } from '../../../../protocol/agent/commands/guest-exec-status.ts';
import { exec, type Execution } from '../../../../protocol/agent/commands/guest-exec.ts';
import { createStage } from './stage.ts';

function createExecStage(t: TestContext) {
  const ends = new Map<number, PromiseWithResolvers<void>>();
  const watched: Children = {
    spawn(request, events) {
      const end = Promise.withResolvers<void>();
      const child = children.spawn(request, {
        ...events,
        closed(how) {
          events.closed?.(how);
          end.resolve();
        },
      });
      ends.set(child.pid, end);
      return child;
    },
  };
  const stage = createStage(t, { children: watched });
  const ended = (pid: number) => ends.get(pid)!.promise;
  return {
    ...stage,
    ended,
    /** Starts it, waits for its end, asks how it was. */
    async run(execution: Execution) {
      const pid = await stage.ask(exec, execution);
      await ended(pid);
      const { out, err, ...rest } = await stage.ask(execStatus, { pid });
      const text = (data: string | undefined) => data && Buffer.from(data, 'base64').toString();
      return { ...rest, out: text(out), err: text(err) };
    },
    async wireStatus(execution: Execution) {
      const pid = await stage.ask(exec, execution);
      await ended(pid);
      return stage.wire('guest-exec-status', { pid });
    },
  };
}

const shell = (script: string, more: Partial<Execution> = {}): Execution => ({ path: '/bin/sh', arg: ['-c', script], ...more });

suite('guest-exec', () => {
  it('guest-exec-status reports how a program ended, and omits streams that were not captured', async (t) => {
    const stage = createExecStage(t);
    assert.equal(await stage.wireStatus(shell('echo out; exit 3')), '{"return": {"exited": true, "exitcode": 3}}\n');
    assert.equal(await stage.wireStatus(shell('kill -9 $$')), '{"return": {"exited": true, "signal": 9}}\n');
  });

  it('guest-exec captures each stream as requested', async (t) => {
    const stage = createExecStage(t);
    const script = 'echo out; echo err >&2';
    const captured = async (capture: Execution['capture']) => {
      const { out, err } = await stage.run(shell(script, capture === undefined ? {} : { capture }));
      return { out, err };
    };
    const both = { out: 'out\n', err: 'err\n' };
    assert.deepEqual(await captured(undefined), { out: undefined, err: undefined });
    assert.deepEqual(await captured(false), { out: undefined, err: undefined });
    assert.deepEqual(await captured('none'), { out: undefined, err: undefined });
    assert.deepEqual(await captured(true), both);
    assert.deepEqual(await captured('separated'), both);
    assert.deepEqual(await captured('stdout'), { ...both, err: undefined });
    assert.deepEqual(await captured('stderr'), { ...both, out: undefined });
    assert.deepEqual(await captured('merged'), { out: 'out\nerr\n', err: undefined });
  });

  it('guest-exec keeps the order of two merged streams', async (t) => {
    const stage = createExecStage(t);
    const { out } = await stage.run(shell('for i in 1 2 3; do echo out$i; echo err$i >&2; done', { capture: 'merged' }));
    assert.equal(out, 'out1\nerr1\nout2\nerr2\nout3\nerr3\n');
  });

  it('guest-exec-status reports truncation with the data only', async (t) => {
    const stage = createExecStage(t);
    assert.equal(
      await stage.wireStatus(shell('printf x', { capture: true })),
      '{"return": {"exited": true, "exitcode": 0, "out-data": "eA==", "out-truncated": false}}\n',
    );
  });

  it('guest-exec keeps 16 MiB of a stream and reads the rest to its end', async (t) => {
    const stage = createExecStage(t);
    const most = 16 * 2 ** 20;
    for (const [size, truncated] of [
      [most, false],
      [most + 1, true],
      [3 * most, true],
    ] as const) {
      const { out, outTruncated, exitCode } = await stage.run(shell(`head -c ${size} /dev/zero`, { capture: 'stdout' }));
      assert.deepEqual([out?.length, outTruncated, exitCode], [most, truncated, 0]);
    }
  });

  it('guest-exec keeps output that comes byte by byte', async (t) => {
    const stage = createExecStage(t);
    const script = 'i=0; while [ $i -lt 3000 ]; do printf x; i=$((i+1)); done; head -c 10000 /dev/zero | tr "\\0" y; printf z';
    const { out } = await stage.run(shell(script, { capture: true }));
    assert.equal(out, `${'x'.repeat(3000)}${'y'.repeat(10_000)}z`);
  });

  it('guest-exec gives a program its arguments, its name and its input, and no other input', async (t) => {
    const stage = createExecStage(t);
    const input = Buffer.from('in\0put');
    assert.equal((await stage.run({ path: 'cat', input: input.toString('base64'), capture: true })).out, 'in\0put');
    assert.equal((await stage.run({ path: 'cat', capture: true })).out, undefined);
    assert.equal((await stage.run({ path: 'cat', input: '', capture: true })).exitCode, 0);
    assert.equal((await stage.run({ path: 'echo', arg: ['-n', ' a  b ', ''], capture: true })).out, ' a  b  ');
    assert.equal((await stage.run(shell('echo "$0"', { capture: true }))).out, '/bin/sh\n');
    assert.equal((await stage.run({ path: 'true', input: Buffer.alloc(2 ** 20).toString('base64') })).exitCode, 0);
  });

  it('guest-exec gives a program the requested environment, else the agent’s own', async (t) => {
    const stage = createExecStage(t);
    const env = (more: Partial<Execution>) => stage.run({ path: '/usr/bin/env', capture: true, ...more });
    assert.equal((await env({ env: ['A=1', 'B=x=y', 'EMPTY='] })).out, 'A=1\nB=x=y\nEMPTY=\n');
    assert.equal((await env({ env: [] })).out, undefined);
    assert.ok((await env({})).out?.includes(`PATH=${process.env.PATH}\n`));
  });

  it('guest-exec searches a name in the given PATH, in its order', async (t) => {
    const stage = createExecStage(t);
    for (const [name, status] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      mkdirSync(join(stage.directory, name));
      const path = join(stage.directory, name, 'tool');
      // Without #! it is the shell's.
      writeFileSync(path, `exit ${status}\n`);
      chmodSync(path, 0o755);
    }
    const path = (...names: string[]) => `PATH=${names.map((name) => join(stage.directory, name)).join(':')}`;
    assert.equal((await stage.run({ path: 'tool', env: [path('missing', 'two', 'one')] })).exitCode, 2);
    assert.equal((await stage.run({ path: 'tool', env: [path('one', 'two')] })).exitCode, 1);
    assert.equal((await stage.run({ path: join(stage.directory, 'one/tool') })).exitCode, 1);
    assert.equal(
      await stage.refusal('guest-exec', { path: 'tool', env: [path('missing')] }),
      'Failed to execute child process “tool” (No such file or directory)',
    );
  });

  it('guest-exec reports why a program cannot be started', async (t) => {
    const stage = createExecStage(t);
    assert.match(
      await stage.wire('guest-exec', { path: '/bin/invalid-cmd42' }),
      /"desc": "Failed to execute child process \\u201C\/bin\/invalid-cmd42\\u201D \(No such file or directory\)"/,
    );
    assert.match(await stage.refusal('guest-exec', { path: '' }), /\(No such file or directory\)$/);
    assert.match(await stage.refusal('guest-exec', { path: stage.directory }), /\(Permission denied\)$/);
    assert.match(await stage.refusal('guest-exec', { path: '/etc/passwd' }), /\(Permission denied\)$/);
    assert.equal(
      await stage.refusal('guest-exec', { path: 'true', 'input-data': 'x y' }),
      'Base64 data contains invalid characters',
    );
  });

  it('guest-exec refuses a NUL wherever a program would not see what follows it', async (t) => {
    const stage = createExecStage(t);
    const nul = (name: string) => `Parameter '${name}' contains a NUL character`;
    assert.equal(await stage.refusal('guest-exec', { path: 'true\0' }), nul('path'));
    assert.equal(await stage.refusal('guest-exec', { path: 'true', arg: ['a', 'b\0'] }), nul('arg[1]'));
    assert.equal(await stage.refusal('guest-exec', { path: 'true', env: ['A=\0'] }), nul('env[0]'));
  });

  it('guest-exec refuses arguments of other types in the words of the schema', async (t) => {
    const stage = createExecStage(t);
    const type = (name: string, expected: string) => `Invalid parameter type for '${name}', expected: ${expected}`;
    assert.equal(await stage.refusal('guest-exec', { path: 5 }), type('path', 'string'));
    assert.equal(await stage.refusal('guest-exec', { path: 'a', arg: 'a' }), type('arg', 'array'));
    assert.equal(await stage.refusal('guest-exec', { path: 'a', arg: ['a', 5] }), type('arg[1]', 'string'));
    assert.equal(
      await stage.refusal('guest-exec', { path: 'a', 'capture-output': 1 }),
      type('capture-output', 'GuestExecCaptureOutput'),
    );
    assert.equal(
      await stage.refusal('guest-exec', { path: 'a', 'capture-output': 'all' }),
      "Parameter 'capture-output' does not accept value 'all'",
    );
  });

  it('guest-exec writes an audit line with the program', async (t) => {
    const stage = createExecStage(t);
    await stage.run({ path: 'true', arg: ['-x', 'a b'], env: ['SECRET=1'] });
    assert.deepEqual(stage.audits[0], 'info: guest-exec called: "true -x a b"');
    assert.ok(!stage.audits.join().includes('SECRET'));
  });
});

suite('guest-exec-status', () => {
  it('guest-exec-status reports a program as running until its captured streams are closed too', async (t) => {
    const stage = createExecStage(t);
    const background = shell('(read x; echo late) <"$0" & exit 0', { capture: true });
    const fifo = join(stage.directory, 'fifo');
    await stage.run({ path: 'mkfifo', arg: [fifo] });
    const waiting = await stage.ask(exec, { ...background, arg: [...background.arg!, fifo] });
    assert.equal(await stage.wire('guest-exec-status', { pid: waiting }), '{"return": {"exited": false}}\n');
    writeFileSync(fifo, 'x\n');
    await stage.ended(waiting);
    const { exited, exitCode, out } = await stage.ask(execStatus, { pid: waiting });
    assert.deepEqual([exited, exitCode, out], [true, 0, Buffer.from('late\n').toString('base64')]);
  });

  it('guest-exec-status forgets a process once it has reported its end', async (t) => {
    const stage = createExecStage(t);
    const pid = await stage.ask(exec, { path: 'true' });
    await stage.ended(pid);
    assert.equal((await stage.ask(execStatus, { pid })).exited, true);
    assert.equal(await stage.refusal('guest-exec-status', { pid }), `PID ${pid} does not exist`);
  });

  it('guest-exec-status knows no process that guest-exec has not started', async (t) => {
    const stage = createExecStage(t);
    for (const pid of [0, 1, -1, process.pid, 2 ** 31, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])
      assert.equal(await stage.refusal('guest-exec-status', { pid }), `PID ${pid} does not exist`);
  });
});
