/** A host that reconnects and asks in one breath gets its answer, however its client and its bytes reach the guest. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { after, before, it, suite } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { agentName, stage, type GuestStage } from './stage.ts';

suite('a host that reconnects', () => {
  let on: GuestStage;
  before(async () => {
    on = await stage();
    // A guest with work to do is notified of clients and of their bytes at different times.
    await on.run('for each in 1 2 3; do (while :; do :; done) >/dev/null 2>&1 & done');
  });
  after(() => on?.[Symbol.asyncDispose]());

  it('a host that requests a freeze or a thaw as soon as it has reconnected gets each reply, a hundred times', async () => {
    for (let round = 0; round < 50; round++) {
      assert.equal(await askAtOnce(on.guest.ownChannel, '{"execute":"guest-fsfreeze-freeze"}\n'), '{"return": 2}');
      assert.equal(await askAtOnce(on.guest.ownChannel, '{"execute":"guest-fsfreeze-thaw"}\n'), '{"return": 2}');
    }
  });

  it('a host gets each reply when a hang-up of an earlier client is about 300 ms old', async () => {
    await on.run(urgentWork);
    for (let round = 0; round < 25; round++) {
      for (const pauseMs of pausesMs) {
        await setTimeout(pauseMs);
        const requests = [sync(round), sync(1000 + pauseMs)];
        assert.equal(await askAtOnce(on.guest.ownChannel, ...requests), `{"return": ${round}}\n{"return": ${1000 + pauseMs}}`);
      }
    }
  });
});

/**
 * The agent keeps an answer for 300 ms after a hang-up in case the next client is there already. Of clients in quick succession, each
 * meets the end of that time for one that left before it; after a pause of almost 300 ms it is the end for the last one.
 */
const pausesMs = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 296, 297, 298, 299];

/**
 * The agent is more urgent (SCHED_FIFO, sched(7)) than a program that takes the processor for a while again and again, and that is more
 * urgent than the kernel's threads: the agent reads bytes before the kernel reports the client that sent them.
 */
const urgentWork = `
for each in $(pid ${agentName}); do chrt -f -p 50 $each; done
work='while :; do i=0; while [ $i -lt 500 ]; do i=$((i+1)); done; usleep 5000; done'
chrt -f 10 sh -c "$work" >/dev/null 2>&1 &`;

const sync = (id: number) => `{"execute":"guest-sync","arguments":{"id":${id}}}\n`;

/** Long beyond any answer of a guest that is busy: a lost one is reported here, and not by the end of the whole run. */
const patienceMs = 20_000;

/** So that the kernel reports each request by an interrupt of its own. */
const apartMs = 1;

/** As many lines as there are requests. */
async function askAtOnce(path: string, ...requests: string[]): Promise<string> {
  const client = createConnection(path).setEncoding('latin1');
  client.setTimeout(patienceMs, () => client.destroy(new Error(`no answer to ${requests.join('')}`)));
  const sent = sendEach(client, requests);
  let received = '';
  for await (const piece of client) {
    received += piece as string;
    if (received.split('\n').length > requests.length) break;
  }
  await sent;
  if (!client.destroyed) client.destroy();
  if (!client.closed) await once(client, 'close');
  return received.trimEnd();
}

async function sendEach(client: Socket, requests: string[]): Promise<void> {
  for (const [index, request] of requests.entries()) {
    if (index > 0) await setTimeout(apartMs);
    client.write(request);
  }
}
