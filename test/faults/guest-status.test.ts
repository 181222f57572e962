/** What an operator sees of freezes at a real site: all guests at once, a freeze of another program, a window whose worker was killed. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startSite, type Site } from '../../demo/site.ts';
import { connectAgent } from '../infra/lab/raw-agent.ts';
import { makeFolder } from '../support/folder.ts';
import { command, startCommand } from './operator.ts';

let directory: string;
let site: Site;

before(async () => {
  directory = await makeFolder();
  site = await startSite(directory, { agent: 'qemu-ga' });
  await site.whole();
});
after(async () => {
  await site?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Repeats a command until its first guest is as `test` wants it. */
async function until(test: (guest: Record<string, unknown>) => boolean, ...args: string[]): Promise<void> {
  for (;;) {
    const { status, stdout } = await command(site, ...args, '--json');
    if (status === 0 && test((JSON.parse(stdout) as Record<string, unknown>[])[0]!)) return;
  }
}

test('a window whose worker was killed says in every place who thawed, and how long writes stood at most', async () => {
  const hold = site.proxy.hold('transaction');
  const backup = await startCommand(site, ['backup', 'run', 'db1']);
  await hold.seen;
  process.kill(await site.hostWorker(), 'SIGKILL');
  assert.equal((await backup.done).status, 5);
  hold.release();
  const list = JSON.parse((await command(site, 'backup', 'list', '--json')).stdout) as { backup: string }[];
  const shown = await command(site, 'backup', 'show', list[0]!.backup);
  assert.equal(shown.status, 5);
  assert.match(shown.stdout, /^held +at most \d+(\.\d)? m?s of \d/m);
  assert.match(shown.stdout, /^thawed by +warden \(status-thawed\)$/m);
  assert.match(shown.stderr, /the process that held the window \(pid \d+\) was gone or stopped/);
  await site.whole();
  const { status, stdout } = await command(site, 'guest', 'status', 'db1');
  assert.equal(status, 0);
  assert.match(stdout, /^last window +closed .*, thawed by warden .*, writes stood at most/m);
});

test('a guest that another program froze is shown by status at once, and by the list when the sweep has found it', async () => {
  const calm = await command(site, 'guest', 'status', '--all');
  assert.equal(calm.status, 0, calm.stderr);
  assert.match(calm.stdout, /^db1 +lab +thawed +- +- +-$/m);
  const other = await connectAgent(site.guest.channel);
  await other.execute('guest-fsfreeze-freeze');
  other.close();
  const frozen = await command(site, 'guest', 'status', '--all');
  assert.equal(frozen.status, 1);
  assert.match(frozen.stdout, /^db1 +lab +frozen +.* +another program +nothing$/m);
  // A worker sweeps when it starts, so nobody has to wait for the minute.
  process.kill(await site.hostWorker(), 'SIGKILL');
  await until(({ strayFoundAt }) => strayFoundAt !== undefined, 'guest', 'list');
  assert.match((await command(site, 'guest', 'list')).stdout, /^db1 +lab +frozen /m);
  assert.equal((await command(site, 'guest', 'thaw', 'db1')).status, 0);
  assert.equal((await command(site, 'guest', 'status', 'db1')).status, 0);
});

test('a guest whose agent does not answer is listed as such', async () => {
  const holder = await connectAgent(site.guest.channel);
  const { status, stdout } = await command(site, 'guest', 'status', '--all');
  assert.equal(status, 6);
  assert.match(stdout, /^db1 +lab +no answer \(channel-held\) /m);
  holder.close();
});
