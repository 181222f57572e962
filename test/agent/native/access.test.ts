/** What the owner of a guest grants, and what other users of the guest can reach. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { makeDirectory, startAgent } from './agent-process.ts';
import { endsWell, forEachBinary } from './binaries.ts';

forEachBinary((binary) => {
  it('an agent with --freeze-only answers about freezes, and refuses programs, files, the clock and a shutdown', async (t) => {
    const agent = await startAgent(t, await binary(), { args: ['--freeze-only', '--allow-rpcs=guest-exec,guest-ping'] });
    const client = await agent.connect();
    const refused = ['guest-exec', 'guest-exec-status', 'guest-file-open', 'guest-set-time', 'guest-shutdown', 'guest-get-users'];
    for (const name of refused) {
      client.send(JSON.stringify({ execute: name, arguments: {} }) + '\n');
      assert.match(await client.line(), /"CommandNotFound".*has been disabled/, name);
    }
    await client.ask('guest-ping');
    await endsWell(agent);
  });

  it('an agent with --freeze-only alone allows exactly the commands about freezes', async (t) => {
    const agent = await startAgent(t, await binary(), { args: ['--freeze-only'] });
    const client = await agent.connect();
    const { supported_commands: commands } = (await client.ask('guest-info')) as {
      supported_commands: { name: string; enabled: boolean }[];
    };
    assert.deepEqual(commands.flatMap((each) => (each.enabled ? [each.name] : [])).toSorted(), [
      '__org.stillframe_freeze',
      '__org.stillframe_status',
      '__org.stillframe_thaw',
      'guest-fsfreeze-freeze',
      'guest-fsfreeze-freeze-list',
      'guest-fsfreeze-status',
      'guest-fsfreeze-thaw',
      'guest-get-fsinfo',
      'guest-info',
      'guest-ping',
      'guest-sync',
      'guest-sync-delimited',
    ]);
    await endsWell(agent);
  });

  it('a state directory that other users can write is refused at the start, with the command that ends that', async (t) => {
    const directory = await makeDirectory(t);
    const listen = ['-m', 'unix-listen', '-p', join(directory, 'agent.sock'), '-t', directory];
    for (const mode of [0o1777, 0o770, 0o702]) {
      await chmod(directory, mode);
      const { status, stderr } = spawnSync(await binary(), listen, { encoding: 'utf8' });
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`can be written by other users.*chmod go-w ${directory}`));
    }
  });
});
