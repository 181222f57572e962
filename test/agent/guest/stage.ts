/** A lab guest whose agent is under test: judged by its writers' clock and a shell that passes the agent by. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { openAgentChannel } from '../../../host/channel/agent-channel.ts';
import type { AgentChannel } from '../../../host/channel/types.ts';
import { startGuest, type LabGuest, type LabGuestOptions } from '../../../infra/lab/guest.ts';
import { leaseFreeze, type LeaseFreezeReply } from '../../../protocol/agent/commands/stillframe-freeze.ts';
import { leaseStatus } from '../../../protocol/agent/commands/stillframe-status.ts';
import { fsfreezeThaw } from '../../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { makeFolder } from '../../support/folder.ts';

export interface GuestStage extends AsyncDisposable {
  guest: LabGuest;
  /** A fresh synced channel on one of both ports; closed with the stage. */
  channel(port?: 'classic' | 'own'): Promise<AgentChannel>;
  /** Freezes under a fresh epoch. */
  freeze(channel: AgentChannel, leaseMs: number, mountpoints?: string[]): Promise<LeaseFreezeReply>;
  /** Output of a script that must succeed; `pid NAME` in it gives the processes of that very name (comm), which pidof mixes up. */
  run(script: string): Promise<string>;
  /** Resolves when both writers have finished a file that they began now. */
  writersMove(): Promise<void>;
  /** Resolves when the agent says that nothing is frozen; a channel that is open already keeps everybody else out. */
  thawed(asking?: AgentChannel): Promise<void>;
  /** Restarts the agent with more options, and waits until it answers. */
  restartAgent(options: string): Promise<void>;
}

/** The lease of a freeze by hand: a test that fails must not wait long for it. */
export const longLeaseMs = 120_000;

export async function stage(options: Partial<LabGuestOptions> = {}): Promise<GuestStage> {
  const directory = await makeFolder();
  const guest = await startGuest({ directory, name: 'guest', ...options });
  const opened = new Set<AgentChannel>();
  let epoch = 0;

  async function channel(port: 'classic' | 'own' = 'classic'): Promise<AgentChannel> {
    const fresh = await openAgentChannel({ path: port === 'own' ? guest.ownChannel : guest.channel });
    opened.add(fresh);
    return fresh;
  }

  async function run(script: string): Promise<string> {
    const { status, output } = await guest.shell(`${pidOf}\n${script}`);
    assert.equal(status, 0, `${script}\n${output}`);
    return output;
  }

  async function thawed(asking?: AgentChannel): Promise<void> {
    const by = asking ?? (await channel('own'));
    while ((await by.execute(leaseStatus, undefined)).state !== 'thawed') await new Promise(setImmediate);
    if (!asking) by.close();
  }

  return {
    guest,
    channel,
    run,
    thawed,
    freeze: (on, leaseMs, mountpoints) =>
      on.execute(
        leaseFreeze,
        { epoch: ++epoch, lease: leaseMs, ...(mountpoints && { mountpoints }) },
        { timeoutMs: longLeaseMs },
      ),
    async writersMove() {
      // The first may have been on its way already.
      for (let time = 0; time < 2; time++) await Promise.all(guest.disks.map(({ name }) => guest.console.nextWrite(name)));
    },
    async restartAgent(more) {
      await run(`echo '${more}' >/run/stillframe-agent/options; kill $(pid ${agentName})`);
      const asking = await openAgentChannel({ path: guest.channel, timeoutMs: longLeaseMs });
      asking.close();
    },
    async [Symbol.asyncDispose]() {
      opened.forEach((each) => each.close());
      await guest.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The kernel keeps fifteen characters of a name. */
export const agentName = 'stillframe-agen';
const pidOf = 'pid() { grep -lx "$1" /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3; }';

/** Between two tests: everything is thawed, and every channel is released. */
export async function calm({ channel }: GuestStage): Promise<void> {
  const asking = await channel();
  await asking.execute(fsfreezeThaw, undefined);
  asking.close();
}
