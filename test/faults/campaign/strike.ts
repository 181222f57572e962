/** Strikes one part of the site, as a fault says: by a signal, by a cut of its connections, or through the server. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { serverSocket } from '../../../lib/defaults.ts';
import { within } from './bounded.ts';
import { cutConnections } from './cut.ts';
import type { Blow, Fault, Strike } from './plan.ts';
import type { CampaignGuest, CampaignSite } from './site.ts';

/** The guest's shell is past every agent, and answers under load in tenths of a second. */
const shellMs = 30_000;

/** Adds the blows that hit something to `struck`. Resolves when what was stopped goes on. */
export async function strike(
  site: CampaignSite,
  on: CampaignGuest,
  fault: Fault,
  running: WorkflowHandle,
  struck: Strike[],
): Promise<void> {
  const { more, ...first } = fault;
  if (await strikeOnce(site, on, first, running)) struck.push(first);
  for (const { afterMs, blow } of more) {
    await delay(afterMs);
    await site.revive();
    if (await strikeOnce(site, on, blow, running)) struck.push(blow);
  }
}

async function strikeOnce(site: CampaignSite, on: CampaignGuest, fault: Strike, running: WorkflowHandle): Promise<boolean> {
  switch (fault.target) {
    case 'monitor':
      return on.proxy.cut() > 0;
    case 'workflow':
      return running.terminate('by the campaign').then(
        () => true,
        () => false,
      );
    case 'agent':
      return strikeAgent(on, fault);
    case 'up':
      return signal(site.up().pid, fault);
    case 'channel': {
      const { pid, channel, ownChannel } = on.guest;
      return (await cutConnections(pid, channel)) + (await cutConnections(pid, ownChannel)) > 0;
    }
    case 'server connections': {
      const { carrier } = await pidsOf(site);
      if (carrier === undefined) return false;
      if (fault.blow === 'stop') return signal(carrier, fault);
      return (await cutConnections(carrier, join(site.stateDir, serverSocket))) > 0;
    }
    case 'worker':
      return signal(await site.hostWorker(), fault);
    case 'copy child':
      return signal(await copyChild(await site.hostWorker(), fault.which), fault);
    case 'warden':
      return signal((await pidsOf(site)).host, fault);
    case 'temporal':
    case 'control':
    case 'guardian':
      return signal((await pidsOf(site))[fault.target], fault);
  }
}

const signals: Record<Blow, NodeJS.Signals> = { kill: 'SIGKILL', terminate: 'SIGTERM', stop: 'SIGSTOP', cut: 'SIGTERM' };

const pidsOf = async (site: CampaignSite) => (await site.processes().catch(() => ({ pids: {} as Record<string, number> }))).pids;

async function signal(pid: number | undefined, { blow, stopMs }: Strike): Promise<boolean> {
  // The number may be that of another process by now.
  if (pid === undefined || !(await isOurs(pid))) return false;
  if (!send(pid, signals[blow])) return false;
  if (blow !== 'stop') return true;
  await delay(stopMs);
  send(pid, 'SIGCONT');
  return true;
}

function send(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function isOurs(pid: number): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '');
  return /workers\/|copy-child|temporal/.test(words);
}

/** A copy may be about to begin: it has a moment. */
async function copyChild(worker: number | undefined, which: number): Promise<number | undefined> {
  if (worker === undefined) return undefined;
  const untilMs = performance.now() + copyStartMs;
  do {
    const listed = await readFile(`/proc/${worker}/task/${worker}/children`, 'utf8').catch(() => '');
    const copies: number[] = [];
    for (const pid of listed.trim().split(' ').filter(Boolean))
      if ((await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')).includes('copy-child')) copies.push(Number(pid));
    if (copies.length > 0) return copies[which % copies.length];
    await delay(10);
  } while (performance.now() < untilMs);
  return undefined;
}

const copyStartMs = 3_000;

/** One process of the agent: ours has a guard beside it, and another while it freezes. The guest's init starts it again. */
async function strikeAgent({ guest, agent }: CampaignGuest, { blow, stopMs, which }: Strike): Promise<boolean> {
  const name = agent === 'stillframe' ? 'stillframe-agent' : 'qemu-ga';
  const chosen = `set -- $(pidof ${name}); [ $# -gt 0 ] || exit 1; shift $((${which} % $#)); pid=$1`;
  const act = blow === 'kill' ? 'kill -9 $pid' : `kill -STOP $pid; sleep ${(stopMs / 1000).toFixed(2)}; kill -CONT $pid`;
  const { status } = await within(shellMs, `the shell of ${guest.name}`, guest.shell(`${chosen}; ${act}`));
  return status === 0;
}
