/** The part in one guest that runs both agents, each on a port of its own, under writers on five filesystems. */

import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { bareAgent, command, returned, timed, type BareAgent } from './bare-agent.ts';
import { interleaved, type AgentRow, type Who } from './interleaved.ts';
import { median, round2 } from './quantiles.ts';
import type { BenchOptions } from './options.ts';

/** Beside the lab's own ext4 and XFS. */
const moreExt4 = 3;
const pings = 20;
/** Long enough for a period of a second to show ten times. */
const idleSeconds = 10;

const programs: Record<Who, string> = { ours: 'stillframe-agent', qemuGa: 'qemu-ga' };

export async function compareInGuest(directory: string, options: BenchOptions): Promise<AgentRow[]> {
  const guest = await startGuest({ directory, name: 'agents', agent: 'both', spareDisks: moreExt4 });
  try {
    const rows: AgentRow[] = [];
    const add = (name: string, unit: string, figures: Record<Who, number>) =>
      rows.push({ name: `${name}, guest`, unit, ...figures, better: 'lower' });
    const channels: Record<Who, string> = { ours: guest.ownChannel, qemuGa: guest.channel };

    // Ours does one thing more a second after its start.
    await guest.shell('sleep 2');
    add(`wake-ups in ${idleSeconds} s, host gone`, 'switches', await wakeUps(guest));
    const agents: Record<Who, BareAgent> = { ours: await synced(channels.ours), qemuGa: await synced(channels.qemuGa) };
    add(`wake-ups in ${idleSeconds} s, host connected`, 'switches', await wakeUps(guest));
    add('resident, idle', 'KiB', await resident(guest));
    const ping = await interleaved(options, (who) =>
      timed(async () => {
        for (let n = 0; n < pings; n++) await agents[who].ask(command('guest-ping'));
      }),
    );
    add('ping', 'µs', { ours: round2((ping.ours / pings) * 1000), qemuGa: round2((ping.qemuGa / pings) * 1000) });

    await startWriters(guest);
    const thaws: Record<Who, number[]> = { ours: [], qemuGa: [] };
    const freeze = await interleaved(options, async (who) => {
      await Promise.all(guest.disks.map((disk) => guest.console.nextWrite(disk.name)));
      const frozeMs = await timed(async () => {
        const count = returned<number>(await agents[who].ask(command('guest-fsfreeze-freeze')));
        if (count !== moreExt4 + 2) throw new Error(`${programs[who]} froze ${count} filesystems of ${moreExt4 + 2}`);
      });
      thaws[who].push(await timed(async () => returned(await agents[who].ask(command('guest-fsfreeze-thaw')))));
      return frozeMs;
    });
    add('freeze of 4 ext4 and XFS under writers', 'ms', freeze);
    add('thaw of 4 ext4 and XFS under writers', 'ms', { ours: median(thaws.ours), qemuGa: median(thaws.qemuGa) });
    add('resident, after load', 'KiB', await resident(guest));
    for (const who of ['ours', 'qemuGa'] as const) agents[who].close();
    const connect = await interleaved(options, (who) => timed(async () => (await synced(channels[who])).close()));
    add('connect to sync', 'ms', connect);
    return rows;
  } finally {
    await guest.stop();
  }
}

let lastSync = 0;

/** A port hands a new client what an older one was owed: everything before the 0xFF is skipped. */
async function synced(path: string): Promise<BareAgent> {
  const agent = await bareAgent(path);
  const id = ++lastSync;
  const line = await agent.ask(command('guest-sync-delimited', { id }));
  if (returned<number>(line.slice(line.indexOf('\xff'))) !== id) throw new Error(`${path} answered a sync with ${line}`);
  return agent;
}

/** How often each was put to sleep or interrupted, by the kernel's count. */
async function wakeUps(guest: LabGuest): Promise<Record<Who, number>> {
  const before = await switches(guest);
  await guest.shell(`sleep ${idleSeconds}`);
  const after = await switches(guest);
  return { ours: after.ours - before.ours, qemuGa: after.qemuGa - before.qemuGa };
}

const switches = (guest: LabGuest) => status(guest, /ctxt_switches:\s+(\d+)/g);
const resident = (guest: LabGuest) => status(guest, /VmRSS:\s+(\d+)/g);

/** The sum of what the pattern finds in proc(5), status. */
async function status(guest: LabGuest, pattern: RegExp): Promise<Record<Who, number>> {
  const of = async (who: Who) => {
    const { output } = await guest.shell(`cat /proc/$(pidof ${programs[who]} | awk '{print $NF}')/status`);
    return [...output.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  };
  return { ours: await of('ours'), qemuGa: await of('qemuGa') };
}

async function startWriters(guest: LabGuest): Promise<void> {
  for (const [index, { device }] of guest.spares.entries()) {
    const place = `/data/more${index}`;
    const { status: ended, output } = await guest.shell(
      `/sbin/mke2fs -q -t ext4 ${device} && mkdir -p ${place} && mount -t ext4 ${device} ${place} && (perl /bin/writer ${place} >/dev/null 2>&1 &)`,
    );
    if (ended !== 0) throw new Error(`no writer on ${device}: ${output}`);
  }
}
