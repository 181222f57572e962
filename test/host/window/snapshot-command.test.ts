/** The snapshot command as a process: it does not outlive the worker that began it. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runToEnd } from '../../../lib/run.ts';
import { temporaryFolder } from '../../support/folder.ts';

test('a snapshot command ends with a worker that is killed: what it took later would not be of a frozen guest', async (t) => {
  const file = join(await temporaryFolder(t), 'pid');
  const module = new URL('../../../host/window/snapshot-command.ts', import.meta.url).href;
  const worker = `const { runSnapshotCommand } = await import(${JSON.stringify(module)});
    const { existsSync } = await import('node:fs');
    const key = { guest: 'db1', backup: 'b-1', attempt: 1 };
    void runSnapshotCommand('slow', ['sh', '-c', 'echo $$ > ${file}.part; mv ${file}.part ${file}; exec sleep 1000'], key, new AbortController().signal);
    setInterval(() => existsSync('${file}') && process.kill(process.pid, 'SIGKILL'), 10);`;
  const { killedBy } = await runToEnd([process.execPath, '--input-type=module', '--eval', worker]);
  assert.equal(killedBy, 'SIGKILL');
  const pid = (await readFile(file, 'utf8')).trim();
  while (await isAlive(pid)) await new Promise(setImmediate);
});

/** One that has ended, and that nobody has waited for yet, is not. */
async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}
