/** Our agent and the stock one in one guest answer the same to the same bytes, but where a difference is listed and explained. */

import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import { openAgentChannel } from '../../host/channel/agent-channel.ts';
import { startGuest, type LabGuest } from '../../infra/lab/guest.ts';
import { info } from '../../protocol/agent/commands/guest-info.ts';
import { converse } from './conversation.ts';
import { commandsOfOne, differences } from './differences.ts';
import { commands, framing, type Vector } from './vectors.ts';
import { makeFolder } from '../support/folder.ts';

let directory: string;
let guest: LabGuest;
let sockets: [ours: string, stock: string];

/** The ports of these sockets, as the guest names them. */
const ports = ['org.stillframe.agent.0', 'org.qemu.guest_agent.0'] as const;

/**
 * Resolves when the guest has seen that no client is connected to the port: its kernel (drivers/char/virtio_console.c, debugfs),
 * then the agent, which the kernel has woken and which sleeps again.
 */
function untilDisconnected(port: string): Promise<unknown> {
  const state = '/sys/kernel/debug/virtio-ports';
  return guest.shell(`test -e ${state} || mount -t debugfs none /sys/kernel/debug
until grep -q 'host_connected: 0' $(grep -l '${port}' ${state}/*); do :; done
for pid in $(pidof stillframe-agent qemu-ga); do until grep -q 'S (sleeping)' /proc/$pid/status; do :; done; done`);
}

suite('two agents in one guest', () => {
  before(async () => {
    directory = await makeFolder();
    guest = await startGuest({ directory, name: 'wire', agent: 'both' });
    sockets = [guest.ownChannel, guest.channel];
  });
  after(async () => {
    await guest.stop();
    await rm(directory, { recursive: true });
  });

  for (const vector of framing) test(`both agents send the same replies to "${vector[0]}"`, () => compare(vector, true));
  for (const vector of commands) test(`both agents send equal replies to "${vector[0]}"`, () => compare(vector, false));

  test('guest-info lists for each agent the commands that the manual says only it has', async () => {
    const [ours, stock] = await Promise.all(sockets.map(listedBy));
    assert.deepEqual(without(ours!, stock!), commandsOfOne.ours);
    assert.deepEqual(without(stock!, ours!), commandsOfOne.stock);
  });
});

test('every listed difference belongs to an existing vector', () => {
  const names = [...framing, ...commands].map(([name]) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { of } of differences) assert.ok(names.includes(of), of);
});

test('the manual lists the same differences', async () => {
  const manual = await readFile(new URL('../../docs/110-agent-differences.md', import.meta.url), 'utf8');
  const rows = [...manual.matchAll(/^\| (.+?) +\| (.+?) +\|$/gm)].map(([, of, why]) => ({ of, why }));
  assert.deepEqual(
    rows.slice(2),
    differences.map(({ of, why }) => ({ of, why })),
  );
  const listed = (heading: string) =>
    [...(manual.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '').matchAll(/^- `(.+?)`/gm)].map(([, name]) => name);
  assert.deepEqual(listed('Commands that only our agent has'), commandsOfOne.ours);
  assert.deepEqual(listed('Commands that only the stock agent has'), commandsOfOne.stock);
});

async function compare(vector: Vector, exact: boolean): Promise<void> {
  const answers: string[][] = [];
  for (const [index, path] of sockets.entries()) {
    await guest.shell('rm -rf /run/contract; mkdir /run/contract');
    answers.push(await converse(path, vector, exact, () => untilDisconnected(ports[index]!)));
  }
  const [ours, stock] = answers as [string[], string[]];
  const lines = Array.from({ length: Math.max(ours.length, stock.length) }, (_, at) => [ours[at] ?? '', stock[at] ?? '']);
  const listed = differences.find(({ of }) => of === vector[0])?.lines ?? [];
  assert.deepEqual(
    lines.filter(([one, other]) => one !== other),
    listed,
  );
}

async function listedBy(path: string): Promise<string[]> {
  const channel = await openAgentChannel({ path });
  try {
    return (await channel.execute(info, undefined)).commands.map(({ name }) => name);
  } finally {
    channel.close();
  }
}

const without = (all: readonly string[], others: readonly string[]) => all.filter((name) => !others.includes(name)).toSorted();
