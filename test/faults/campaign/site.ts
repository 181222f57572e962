/** The site of a campaign: several guests of both agents under one `up`, each monitor behind a proxy, and one guest that nobody touches. */

import type { Client } from '@temporalio/client';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectClient } from '../../../client/connection.ts';
import { resolveServer } from '../../../client/settings.ts';
import { startUp } from '../../../demo/site.ts';
import { openJournal, type Journal } from '../../../host/journal/journal.ts';
import { startGuest, type LabGuest } from '../../../infra/lab/guest.ts';
import { startMonitorProxy, type MonitorProxy } from '../../../infra/lab/monitor-proxy.ts';
import { hostId } from '../../../model/ids.ts';
import { createRepository } from '../../../repository/points.ts';
import type { UpRecord } from '../../../workers/up.ts';
import { eventually, within } from './bounded.ts';

export interface CampaignGuest {
  guest: LabGuest;
  agent: 'stillframe' | 'qemu-ga';
  proxy: MonitorProxy;
  /** Where its slow snapshot command says that it has begun. */
  snapshotBegan: string;
  snapshot: string;
}

export interface CampaignSite {
  directory: string;
  stateDir: string;
  repository: string;
  guests: CampaignGuest[];
  /** Runs no backup: how long it stalls is the machine's doing. */
  idle: LabGuest;
  client: Client;
  journal: Journal;
  /** The process of `up`, which a fault may end. */
  up(): ChildProcess;
  processes(): Promise<UpRecord>;
  /** The host worker, the warden's child; undefined while there is none. */
  hostWorker(): Promise<number | undefined>;
  /** Where a fault has ended `up`, it is started again; resolves when it is ready. */
  revive(): Promise<void>;
  stop(): Promise<void>;
}

export const campaignHost = hostId('lab');
export const repositoryName = 'main';
/** Short, so that rounds which wait for it are quick. */
export const campaignLeaseMs = 2_000;
/** An `up` whose server was killed has its database to read again, and one that ends gives each child up to a minute. */
const upMs = 120_000;

export async function startCampaignSite(directory: string, guestsOfEach: number): Promise<CampaignSite> {
  const undo = new AsyncDisposableStack();
  try {
    const guests: CampaignGuest[] = [];
    for (let index = 0; index < guestsOfEach * 2; index++) {
      const agent = index % 2 === 0 ? 'stillframe' : 'qemu-ga';
      const guest = await startGuest({ directory, name: `g${index}`, agent });
      undo.defer(() => guest.stop());
      const proxy = await startMonitorProxy(join(directory, `m${index}.sock`), guest.monitor);
      undo.defer(() => proxy.close());
      guests.push({ guest, agent, proxy, snapshotBegan: join(directory, `began${index}`), snapshot: `slow${index}` });
    }
    const idle = await startGuest({ directory, name: 'idle', agent: 'stillframe' });
    undo.defer(() => idle.stop());
    // Writers at their full pace take a third of a processor each.
    for (const guest of [idle, ...guests.map((each) => each.guest)]) await guest.shell('kill -USR1 $(pidof perl)');
    const [stateDir, repository, config] = ['state', 'repository', 'host.yaml'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    await createRepository(repository);
    await writeFile(config, hostFile(directory, repository, guests));
    const log = createWriteStream(join(directory, 'up.log'), { flags: 'a' });
    const start = async () => {
      const started = await startUp(config, stateDir, undefined);
      started.up.stderr!.pipe(log, { end: false });
      return started;
    };
    const first = await start();
    let { up } = first;
    let isOver = false;
    let starting: Promise<void> = Promise.resolve();
    /** Its children end by themselves when it is gone, each in order; the next one finds the state free then. */
    const keep = () =>
      void up.once('exit', () => {
        if (isOver) return;
        starting = eventually(upMs, '"up" after its end', start).then((started) => {
          up = started.up;
          keep();
        });
        starting.catch(() => {});
      });
    keep();
    undo.defer(async () => {
      isOver = true;
      await starting.catch(() => {});
      await end(up);
    });
    const { client, connection } = await connectClient(await resolveServer({ address: first.address }, process.env));
    undo.defer(() => connection.close());
    const processes = async () => JSON.parse(await readFile(join(stateDir, 'up.json'), 'utf8')) as UpRecord;
    const stack = undo.move();
    return {
      directory,
      stateDir,
      repository,
      guests,
      idle,
      client,
      journal: openJournal({ stateDir }),
      up: () => up,
      processes,
      async hostWorker() {
        const warden = (await processes()).pids.host;
        if (warden === undefined) return undefined;
        const children = await readFile(`/proc/${warden}/task/${warden}/children`, 'utf8').catch(() => '');
        return Number(children.trim().split(' ')[0]) || undefined;
      },
      async revive() {
        await starting;
      },
      stop: () => stack.disposeAsync(),
    };
  } finally {
    await undo.disposeAsync();
  }
}

function hostFile(directory: string, repository: string, guests: readonly CampaignGuest[]): string {
  const lines = guests.map(
    ({ guest, proxy, agent }) =>
      `  - { name: ${guest.name}, channel: ${guest.channel}, monitor: ${proxy.path}${agent === 'stillframe' ? `, agentChannel: ${guest.ownChannel}` : ''} }`,
  );
  const snapshots = guests.map(
    ({ snapshot, snapshotBegan }) => `  ${snapshot}: [sh, -c, 'touch ${snapshotBegan}; sleep 1; echo taken']`,
  );
  return `host: ${campaignHost}
guests:
${lines.join('\n')}
limits: { lease: ${campaignLeaseMs}ms, gap: 0s, perHour: 0 }
scratch: { path: ${directory}/scratch }
repositories: { ${repositoryName}: ${repository} }
snapshots:
${snapshots.join('\n')}
`;
}

/** @throws NotInTimeError when it does not end in order; its children follow it, however it ends */
async function end(up: ChildProcess): Promise<void> {
  if (up.exitCode !== null || up.signalCode !== null) return;
  const gone = once(up, 'exit');
  up.kill('SIGTERM');
  try {
    await within(upMs, 'the end of "up" in order', gone);
  } catch (error) {
    up.kill('SIGKILL');
    await gone;
    throw error;
  }
}
