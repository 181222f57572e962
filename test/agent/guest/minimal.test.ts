/** The binary needs nothing of its guest: a kernel, busybox as init, and no library, no other program, no user. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { exec } from '../../../protocol/agent/commands/guest-exec.ts';
import { execStatus } from '../../../protocol/agent/commands/guest-exec-status.ts';
import { getOsinfo } from '../../../protocol/agent/commands/guest-get-osinfo.ts';
import { leaseThaw } from '../../../protocol/agent/commands/stillframe-thaw.ts';
import { longLeaseMs, stage } from './stage.ts';

it('a guest of a kernel and busybox answers, starts a program, freezes and thaws', async () => {
  await using on = await stage({ minimal: true });
  assert.equal(await on.run('ls /lib64 /lib/x86_64-linux-gnu 2>/dev/null; true'), '');
  const channel = await on.channel('own');
  assert.match((await channel.execute(getOsinfo, undefined)).kernelRelease ?? '', /^\d+\.\d+/);
  const pid = await channel.execute(exec, { path: 'echo', arg: ['here'], capture: true });
  let status = await channel.execute(execStatus, { pid });
  while (!status.exited) status = await channel.execute(execStatus, { pid });
  assert.equal(Buffer.from(status.out!, 'base64').toString(), 'here\n');
  const { epoch, filesystems } = await on.freeze(channel, longLeaseMs);
  assert.equal(filesystems.filter(({ outcome }) => outcome === 'frozen').length, 2);
  assert.equal((await channel.execute(leaseThaw, { epoch })).filesystems.length, 2);
});
