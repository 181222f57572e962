/** The channels that no guest of the lab has: a serial line, and a socket that a service manager passes. Python makes them. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import { it, type TestContext } from 'node:test';
import { run } from '../../../lib/run.ts';
import { assertRuns, clientOf, connectWhenThere, makeDirectory, startProcess, type RunningAgent } from './agent-process.ts';
import { endsWell, forEachBinary } from './binaries.ts';

/** Says the name of a terminal, and is its other end from then on. */
const terminal = `
import os, pty, select
master, slave = pty.openpty()
os.write(2, (os.ttyname(slave) + "\\n").encode())
while True:
    for fd in select.select([0, master], [], [])[0]:
        data = os.read(fd, 4096)
        if not data: raise SystemExit
        os.write(master if fd == 0 else 1, data)
`;

/** Arguments: the socket's path, LISTEN_FDS, how far LISTEN_PID is from the truth, and the program with its own. */
const passing = `
import os, socket, sys
path, count, off = sys.argv[1:4]
listening = socket.socket(socket.AF_UNIX)
listening.bind(path)
listening.listen()
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS=count, LISTEN_PID=str(os.getpid() + int(off)))
os.execv(sys.argv[4], sys.argv[4:])
`;

forEachBinary((binary) => {
  it('a serial line carries bytes unchanged, including those that a terminal would interpret', async (t) => {
    const line = spawn('python3', ['-c', terminal]);
    t.after(() => line.kill());
    const [name] = (await once(createInterface(line.stderr), 'line')) as [string];
    const client = clientOf(Duplex.from({ readable: line.stdout, writable: line.stdin }));
    const agent = startProcess(t, await binary(), ['-m', 'isa-serial', '-p', name, '-t', await makeDirectory(t)]);
    // What is sent before the line is raw comes back.
    while (!(await run(['stty', '-F', name, '-a'])).includes(' -icanon')) assertRuns(agent.child);
    assert.deepEqual(await client.ask('guest-ping'), {});
    // Control-C, end of file, stop, start, erase, and a carriage return between words.
    client.send('\x03\x04\x13\x11\x7f{"execute":\r"guest-sync-delimited","arguments":{"id":7}}\n');
    for (let text = ''; text !== '\xff{"return": 7}';) text = await client.line();
    await endsWell(agent);
  });

  it('the agent serves a socket that a service manager passes', async (t) => {
    const { agent, passed } = await startWithSocket(t, await binary(), { count: 1, off: 0 });
    await serves(agent, passed);
  });

  it('the agent leaves a socket alone that is meant for another process', async (t) => {
    const { agent, own } = await startWithSocket(t, await binary(), { count: 1, off: 1 });
    await serves(agent, own);
  });

  it('the agent refuses two passed sockets', async (t) => {
    const { agent } = await startWithSocket(t, await binary(), { count: 2, off: 0 });
    assert.deepEqual(await agent.ended, [1, null]);
    assert.match(agent.errors(), /2 sockets were passed \(LISTEN_FDS\): one is served/);
  });
});

/** `off`: how far LISTEN_PID is from the agent's. */
async function startWithSocket(t: TestContext, binary: string, { count, off }: { count: number; off: number }) {
  const directory = await makeDirectory(t);
  const [own, passed] = [join(directory, 'own'), join(directory, 'passed')];
  const agent = [binary, '-m', 'unix-listen', '-p', own, '-t', directory];
  return { agent: startProcess(t, 'python3', ['-c', passing, passed, String(count), String(off), ...agent]), own, passed };
}

async function serves(agent: RunningAgent, path: string): Promise<void> {
  const client = clientOf(await connectWhenThere(agent.child, path));
  assert.deepEqual(await client.ask('guest-ping'), {});
  await client.leave();
  await endsWell(agent);
}
