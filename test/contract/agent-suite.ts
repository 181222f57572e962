/** What every agent must do for us, and what our channel must make of it: run against the fake and against the real qemu-ga. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { openAgentChannel } from '../../host/channel/agent-channel.ts';
import type { AgentChannel } from '../../host/channel/types.ts';
import { isStillframeError, type ErrorCode, type Facts } from '../../model/errors.ts';
import type { AgentCommand } from '../../protocol/agent/command.ts';
import { fsfreezeFreezeList } from '../../protocol/agent/commands/guest-fsfreeze-freeze-list.ts';
import { fsfreezeFreeze } from '../../protocol/agent/commands/guest-fsfreeze-freeze.ts';
import { fsfreezeStatus } from '../../protocol/agent/commands/guest-fsfreeze-status.ts';
import { fsfreezeThaw } from '../../protocol/agent/commands/guest-fsfreeze-thaw.ts';
import { getFsinfo } from '../../protocol/agent/commands/guest-get-fsinfo.ts';
import { getOsinfo } from '../../protocol/agent/commands/guest-get-osinfo.ts';
import { info } from '../../protocol/agent/commands/guest-info.ts';
import { ping } from '../../protocol/agent/commands/guest-ping.ts';
import { sync } from '../../protocol/agent/commands/guest-sync.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import { createJsonStream, qemuLimits } from '../../protocol/json-stream.ts';

/** `connect` gives the socket of an agent whose guest has at least one filesystem that can be frozen. */
export function agentContract(name: string, connect: () => Promise<{ path: string; stop(): Promise<void> }>): void {
  describe(`agent contract: ${name}`, () => {
    let path: string;
    let stop: () => Promise<void>;
    let opened: AgentChannel[] = [];

    before(async () => ({ path, stop } = await connect()));
    after(() => stop());
    afterEach(async () => {
      opened.forEach((channel) => channel.close());
      opened = [];
      const channel = await openAgentChannel({ path });
      await channel.execute(fsfreezeThaw, undefined);
      channel.close();
    });

    async function open(): Promise<AgentChannel> {
      const channel = await openAgentChannel({ path });
      opened.push(channel);
      return channel;
    }

    it('the agent answers a ping', async () => {
      assert.equal(await (await open()).execute(ping, undefined), undefined);
    });

    it('the agent echoes a number of 53 bits', async () => {
      assert.equal(await (await open()).execute(sync, { id: Number.MAX_SAFE_INTEGER }), Number.MAX_SAFE_INTEGER);
    });

    it('the agent names its version and the commands that a window needs', async () => {
      const told = await (await open()).execute(info, undefined);
      assert.match(told.version, /^\d+\.\d+/);
      const enabled = told.commands.filter((command) => command.enabled).map((command) => command.name);
      for (const needed of [fsfreezeFreeze, fsfreezeFreezeList, fsfreezeStatus, fsfreezeThaw, getFsinfo])
        assert.ok(enabled.includes(needed.name), `${needed.name} is not enabled`);
    });

    it('the agent names filesystems and the operating system', async () => {
      const channel = await open();
      const filesystems = await channel.execute(getFsinfo, undefined);
      assert.ok(filesystems.length > 0);
      for (const { mountpoint, type, name: device } of filesystems) {
        assert.match(mountpoint, /^\//);
        assert.notEqual(type, '');
        assert.notEqual(device, '');
      }
      assert.match((await channel.execute(getOsinfo, undefined)).kernelRelease ?? '', /^\d+\.\d+/);
    });

    it('the agent freezes, reports it, refuses what is not allowed while frozen, and thaws as many as it froze', async () => {
      const channel = await open();
      assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
      const frozen = await channel.execute(fsfreezeFreeze, undefined);
      assert.ok(frozen > 0);
      assert.equal(await channel.execute(fsfreezeStatus, undefined), 'frozen');
      await refuses(channel.execute(fsfreezeFreeze, undefined), 'CommandNotFound');
      await refuses(channel.execute(getFsinfo, undefined), 'CommandNotFound');
      const told = await channel.execute(info, undefined);
      assert.equal(told.commands.find((command) => command.name === getFsinfo.name)?.enabled, false);
      assert.equal(await channel.execute(fsfreezeThaw, undefined), frozen);
      assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
    });

    it('a freeze outlives its channel, and any later channel sees and ends it', async () => {
      const first = await open();
      const frozen = await first.execute(fsfreezeFreeze, undefined);
      first.close();
      const second = await open();
      assert.equal(await second.execute(fsfreezeStatus, undefined), 'frozen');
      assert.equal(await second.execute(fsfreezeThaw, undefined), frozen);
    });

    it('a thaw may be sent again and finds nothing', async () => {
      const channel = await open();
      assert.equal(await channel.execute(fsfreezeThaw, undefined), 0);
      assert.equal(await channel.execute(fsfreezeThaw, undefined), 0);
    });

    it('a freeze of no filesystem leaves the agent thawed', async () => {
      const channel = await open();
      assert.equal(await channel.execute(fsfreezeFreezeList, { mountpoints: ['/no/such/mount'] }), 0);
      assert.equal(await channel.execute(fsfreezeStatus, undefined), 'thawed');
    });

    it('the agent refuses an unknown command and wrong arguments by class, and the channel stays open', async () => {
      const channel = await open();
      await refuses(channel.execute(anyCommand('guest-nope'), undefined), 'CommandNotFound');
      await refuses(channel.execute(anyCommand('guest-sync'), undefined), 'GenericError');
      await refuses(channel.execute(anyCommand('guest-sync', { id: 'five' }), undefined), 'GenericError');
      await refuses(channel.execute(anyCommand('guest-ping', { foo: 42 }), undefined), 'GenericError');
      await channel.execute(ping, undefined);
    });

    it('replies that an earlier client left behind are not taken for our replies', async () => {
      await leaveBehind(path, '{"execute":"guest-sync","arguments":{"id":1}}\n'.repeat(3));
      assert.equal(await (await open()).execute(fsfreezeStatus, undefined), 'thawed');
    });

    it('half a request that an earlier client left behind does not swallow our request', async () => {
      await leaveBehind(path, '{"execute":"guest-sync","arguments":{"id":');
      await (await open()).execute(ping, undefined);
    });

    it('requests sent in one go are answered in order', async () => {
      const id = (value: number) => `{"execute":"guest-sync","arguments":{"id":${value}}}\n`;
      assert.deepEqual(await converse(path, `\xff${id(71)}{"execute":"guest-nope"}${id(72)}${id(73)}`, 3), [71, 72, 73]);
    });

    it('a second client learns that the channel is held, and is served once the first has gone', async () => {
      const first = await open();
      // Long enough for any agent that is served, short for a test: nothing can answer a client that QEMU has not accepted.
      await fails(openAgentChannel({ path, timeoutMs: 300 }), 'channel-held', { path });
      await first.execute(ping, undefined);
      first.close();
      await (await open()).execute(ping, undefined);
    });

    it('the agent takes one command at a time', async () => {
      const channel = await open();
      const first = channel.execute(fsfreezeStatus, undefined);
      await fails(channel.execute(ping, undefined), 'channel-busy', { path });
      assert.equal(await first, 'thawed');
      await channel.execute(ping, undefined);
    });
  });
}

/** The error is a StillframeError with this code and at least these facts. */
async function fails(outcome: Promise<unknown>, code: ErrorCode, facts: Facts): Promise<void> {
  await assert.rejects(outcome, (error) => {
    assert.ok(isStillframeError(error, code), `wanted ${code}, got ${String(error)}`);
    assert.deepEqual({ ...error.facts, ...facts }, error.facts);
    return true;
  });
}

const refuses = (outcome: Promise<unknown>, errorClass: string) => fails(outcome, 'agent-refused', { class: errorClass });

function anyCommand(name: string, args?: JsonObject): AgentCommand<undefined, Json> {
  return {
    name,
    arguments: () => args,
    reply: (value) => value,
    effect: 'read',
    timeLimitMs: 5_000,
    maxReplyBytes: 4_096,
    answersSuccess: true,
  };
}

/** A client that goes without waiting for an answer. */
async function leaveBehind(path: string, request: string): Promise<void> {
  const client = createConnection(path);
  await once(client, 'connect');
  await new Promise<unknown>((resolve) => client.write(request, resolve));
  client.destroy();
  await once(client, 'close');
}

/** The values of the first `count` returns; errors and what others left are passed over. */
async function converse(path: string, request: string, count: number): Promise<unknown[]> {
  const client = createConnection(path);
  const stream = createJsonStream(qemuLimits);
  const returned: unknown[] = [];
  client.write(Buffer.from(request, 'latin1'));
  for await (const bytes of client) {
    for (const event of stream.push(bytes as Buffer)) {
      const value = event.kind === 'value' ? (event.value as JsonObject).return : undefined;
      if (typeof value === 'number') returned.push(value);
    }
    if (returned.length >= count) break;
  }
  client.destroy();
  return returned;
}
