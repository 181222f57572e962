/** The agent under Node as a process of its own: what it is for those who work on it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, suite } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

const entry = join(import.meta.dirname, '../../../agent/platform/node/main.ts');

suite('the agent under Node', () => {
  it('the agent under Node answers on its socket, and SIGTERM ends it with status 0 while a client is connected', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sf-agent-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const path = join(directory, 'sock');
    const agent = spawn(process.execPath, [entry, '-m', 'unix-listen', '-p', path, '-t', directory], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    t.after(() => agent.kill('SIGKILL'));
    const client = await connectOnceThere(path, () => agent.exitCode === null);
    t.after(() => client.destroy());
    client.write('{"execute":"guest-sync-delimited","arguments":{"id":9007199254740993}}\n');
    assert.equal(((await once(client, 'data')) as [Buffer])[0].toString('latin1'), '\xff{"return": 9007199254740993}\n');
    const ended = once(agent, 'exit');
    agent.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  });
});

/** The socket's file exists a moment before the agent listens, and no event reports that it does. */
async function connectOnceThere(path: string, isAlive: () => boolean): Promise<Socket> {
  for (;;) {
    const client = connect(path);
    try {
      await once(client, 'connect');
      return client;
    } catch (error) {
      if (!isAlive()) throw error;
      await nextTurn();
    }
  }
}
