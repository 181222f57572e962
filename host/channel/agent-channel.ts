/** The channel to a guest's agent: one owner, one command at a time, synced before anything else is believed. */

import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { escapeError } from '../../lib/escape.ts';
import { isStillframeError, StillframeError } from '../../model/errors.ts';
import type { AgentCommand } from '../../protocol/agent/command.ts';
import { syncDelimited } from '../../protocol/agent/commands/guest-sync-delimited.ts';
import { dataReply, mostTokens, quickMs } from '../../protocol/agent/limits.ts';
import { delimiter, encodeRequest, parseReply, type AgentReply } from '../../protocol/agent/reply.ts';
import { ReplyShapeError } from '../../protocol/agent/shape.ts';
import { createJsonStream, qemuLimits, type JsonEvent } from '../../protocol/json-stream.ts';
import { connectSocket } from './connect.ts';
import { clientsOf, isHeldByAnother, type Clients } from './holder.ts';
import type { AgentChannel, Connect } from './types.ts';

/**
 * `syncing`: bytes may be replies to an earlier client; everything up to the delimiter and our own id is skipped.
 * `idle` ⇄ `waiting`: one command is out. `closed`: for ever; any failure but a refusal leads here, because afterwards
 * it is unknown whose the next reply is.
 */
type State = 'syncing' | 'idle' | 'waiting' | 'closed';

export interface AgentChannelOptions {
  path: string;
  /** Milliseconds until the agent must have answered the sync. */
  timeoutMs?: number;
}

/** Replies of an earlier client may wait in the channel before the one to our sync: as much as one client can leave unread. */
const mostLeftBehind = dataReply;

/** @throws channel-unreachable, channel-held, agent-absent, agent-garbled, agent-too-large */
export async function openAgentChannel({ path, timeoutMs = quickMs }: AgentChannelOptions): Promise<AgentChannel> {
  const before = await clientsOf(path);
  const socket = await connectSocket(path, 'the agent’s channel', 'channel-unreachable');
  const link = createLink(socket, path);
  await link.sync(timeoutMs, before);
  return { execute: link.execute, close: link.close };
}

/** How all our processes open one. */
export const connectAgent: Connect = ({ path }, timeoutMs = quickMs) => openAgentChannel({ path, timeoutMs });

function createLink(socket: Socket, path: string) {
  const stream = createJsonStream({ ...qemuLimits, maxBytes: dataReply, maxTokens: mostTokens });
  let state: State = 'syncing';
  let waiter: PromiseWithResolvers<AgentReply> | undefined;
  let syncId = 0;
  /** What the agent may send for the command that is out, and what it has sent. */
  let allowed = { bytes: mostLeftBehind, command: syncDelimited.name };
  let received = 0;
  /** Bytes since the last delimiter; undefined while they cannot be the reply to our sync. */
  let behindDelimiter: number | undefined;

  socket.on('data', (bytes) => receive(bytes));
  socket.on('error', (error) =>
    end(
      new StillframeError(
        'channel-closed',
        `the channel ${path} broke: ${error.message}; what the last command did is not known`,
        { path },
        error,
      ),
    ),
  );
  socket.on('close', () =>
    end(
      new StillframeError('channel-closed', `the channel ${path} was closed by QEMU; what the last command did is not known`, {
        path,
      }),
    ),
  );

  function end(error: StillframeError): void {
    if (state !== 'closed') socket.destroy();
    state = 'closed';
    waiter?.reject(error);
    waiter = undefined;
  }

  function receive(bytes: Buffer): void {
    received += bytes.length;
    if (received > allowed.bytes) {
      return end(
        new StillframeError(
          'agent-too-large',
          `the agent on ${path} sent more than ${allowed.bytes} bytes for ${allowed.command}: it is broken or hostile`,
          { path, command: allowed.command, maxReplyBytes: allowed.bytes },
        ),
      );
    }
    const events = state === 'syncing' ? readSyncing(bytes) : stream.push(bytes);
    for (const event of events) {
      if (state !== 'syncing') receiveReply(event.kind === 'value' ? parseReply(event.value) : undefined);
      else if (event.kind === 'value') receiveSync(parseReply(event.value));
    }
  }

  /** Nothing is parsed that cannot be the reply to our sync: what comes before the delimiter, or is longer than that reply. */
  function readSyncing(bytes: Buffer): JsonEvent[] {
    const at = bytes.lastIndexOf(delimiter);
    if (at >= 0) {
      stream.reset();
      behindDelimiter = 0;
    }
    if (behindDelimiter === undefined) return [];
    const rest = bytes.subarray(at + 1);
    behindDelimiter += rest.length;
    if (behindDelimiter <= syncDelimited.maxReplyBytes) return stream.push(rest);
    behindDelimiter = undefined;
    return [];
  }

  /** Replies with other ids were meant for clients that have left. */
  function receiveSync(reply: AgentReply | undefined): void {
    if (reply?.kind !== 'return' || reply.value !== syncId) return;
    state = 'waiting';
    receiveReply(reply);
  }

  function receiveReply(reply: AgentReply | undefined): void {
    if (!reply || state !== 'waiting') {
      const what = reply ? 'a reply without a request' : 'data that is not a reply';
      return end(
        new StillframeError('agent-garbled', `the agent on ${path} sent ${what}: its channel cannot be trusted any more`, {
          path,
        }),
      );
    }
    state = 'idle';
    received = 0;
    waiter?.resolve(reply);
    waiter = undefined;
  }

  async function exchange(
    request: string | Buffer,
    timeoutMs: number,
    late: () => Promise<StillframeError>,
    onSent?: () => void,
  ): Promise<AgentReply> {
    const mine = (waiter = Promise.withResolvers<AgentReply>());
    const expire = async () => {
      const error = await late();
      // A reply that arrived while the silence was explained is valid, and the channel belongs to the next command.
      if (waiter === mine) end(error);
    };
    const timer = setTimeout(() => void expire(), timeoutMs);
    onSent?.();
    socket.write(request);
    try {
      return await mine.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    close: () => end(new StillframeError('channel-closed', `the channel ${path} was closed by us`, { path })),

    async sync(timeoutMs: number, before: Clients): Promise<void> {
      syncId = randomInt(1, 2 ** 48 - 1);
      // The byte in front makes the agent drop half a request that an earlier client left; it costs one error line, which is skipped.
      const request = encodeRequest(syncDelimited.name, syncDelimited.arguments({ id: syncId }));
      await exchange(Buffer.concat([Buffer.of(delimiter), Buffer.from(request)]), timeoutMs, () =>
        explainSilence(path, timeoutMs, before),
      );
    },

    async execute<Arguments, Reply>(
      command: AgentCommand<Arguments, Reply>,
      args: Arguments,
      options: { timeoutMs?: number; onSent?: () => void } = {},
    ): Promise<Reply> {
      if (state === 'waiting')
        throw new StillframeError('channel-busy', `a command is out on ${path}: agents answer one after the other`, { path });
      if (state !== 'idle')
        throw new StillframeError('channel-closed', `the channel ${path} is closed: open a new one`, { path });
      state = 'waiting';
      allowed = { bytes: command.maxReplyBytes, command: command.name };
      const limit = options.timeoutMs ?? (command.timeLimitMs === 'lease' ? quickMs : command.timeLimitMs);
      const late = async () =>
        new StillframeError(
          'agent-timed-out',
          `the agent on ${path} did not answer ${command.name} within ${Math.round(limit)} ms`,
          { path, timeoutMs: limit },
        );
      const request = encodeRequest(command.name, command.arguments(args));
      const reply = await exchange(request, limit, late, options.onSent).catch((error: unknown) => {
        // Such a command succeeds without a reply. A later error would have no command to belong to, so the channel stays closed.
        if (!command.answersSuccess && isStillframeError(error, 'agent-timed-out')) return silence;
        throw error;
      });
      if (reply.kind === 'error') {
        const desc = escapeError(reply.desc);
        throw new StillframeError('agent-refused', `the agent refused ${command.name}: ${desc}`, {
          command: command.name,
          class: escapeError(reply.class),
          desc,
        });
      }
      try {
        return command.reply(reply.value);
      } catch (error) {
        if (!(error instanceof ReplyShapeError)) throw error;
        const garbled = new StillframeError(
          'agent-garbled',
          `the agent on ${path} answered ${command.name} in a shape that its schema does not have: ${error.message}`,
          { path, command: command.name },
          error,
        );
        end(garbled);
        throw garbled;
      }
    },
  };
}

/** What a command returns that answers only when it fails. */
const silence: AgentReply = { kind: 'return', value: null };

/** Call it while our own connection is open: the difference is between that one and the other. */
async function explainSilence(path: string, timeoutMs: number, before: Clients): Promise<StillframeError> {
  if (await isHeldByAnother(path, before)) {
    return new StillframeError(
      'channel-held',
      `another program holds the agent's channel ${path} (libvirt, Proxmox or a script?): QEMU serves one client at a time; end it, or give Stillframe a channel of its own`,
      { path },
    );
  }
  return new StillframeError(
    'agent-absent',
    `the channel ${path} is open, but no agent answers in the guest within ${timeoutMs} ms: is qemu-guest-agent installed and running there?`,
    { path, timeoutMs },
  );
}
