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
import type { Json } from '../../protocol/json.ts';
import { createJsonStream, qemuLimits, type JsonEvent } from '../../protocol/json-stream.ts';
import { lostCommand, tooLarge } from './agent-failures.ts';
import { connectSocket } from './connect.ts';
import { explainSilence } from './explain-silence.ts';
import { clientsOf, type Clients } from './holder.ts';
import { createProber } from './prober.ts';
import type { AgentChannel, Connect } from './types.ts';

/**
 * `syncing`: bytes may be replies to an earlier client; everything up to the delimiter and our own id is skipped.
 * `idle` ⇄ `waiting`: one command is out. `closed`: for ever; any failure but a refusal leads here, because afterwards
 * it is unknown whose the next reply is.
 */
type State = 'syncing' | 'idle' | 'waiting' | 'closed';

type AgentReturn = Extract<AgentReply, { kind: 'return' }>;

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
  /** Ids of the syncs that are not answered, each with the number of the command that it was sent behind; 0 is the first sync itself. */
  const probes = new Map<Json, number>();
  let commands = 0;
  /** What the agent may send for the command that is out, and what it has sent. */
  let allowed = { bytes: mostLeftBehind, command: syncDelimited.name };
  let received = 0;
  const prober = createProber(() => sendSync(false));
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
    prober.heard();
    if (received > allowed.bytes) {
      return end(tooLarge(path, allowed));
    }
    const events = state === 'syncing' ? readSyncing(bytes) : stream.push(bytes);
    for (const event of events) {
      const reply = event.kind === 'value' ? parseReply(event.value) : undefined;
      if (reply?.kind === 'return' && probes.has(reply.value)) receiveSync(reply);
      // Replies with other ids were meant for clients that have left, and a delimiter belongs to the sync that follows.
      else if (state !== 'syncing' && !(event.kind === 'error' && event.flushes && probes.size > 0)) receiveReply(reply);
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

  function receiveSync(reply: AgentReturn): void {
    const behind = probes.get(reply.value)!;
    probes.delete(reply.value);
    if (state === 'syncing') {
      state = 'waiting';
      return receiveReply(reply);
    }
    if (state !== 'waiting' || behind < commands) return;
    end(lostCommand(path, allowed.command));
  }

  /** The byte in front makes the agent drop half a request that an earlier client left; it costs one error line, which is skipped. */
  function sendSync(flush: boolean): void {
    const id = randomInt(1, 2 ** 48 - 1);
    probes.set(id, commands);
    const request = Buffer.from(encodeRequest(syncDelimited.name, syncDelimited.arguments({ id })));
    socket.write(flush ? Buffer.concat([Buffer.of(delimiter), request]) : request);
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
    send: () => void,
    timeoutMs: number,
    late: () => Promise<StillframeError>,
    isProbed: boolean,
  ): Promise<AgentReply> {
    const mine = (waiter = Promise.withResolvers<AgentReply>());
    const expire = async () => {
      const error = await late();
      // A reply that arrived while the silence was explained is valid, and the channel belongs to the next command.
      if (waiter === mine) end(error);
    };
    const timer = setTimeout(() => void expire(), timeoutMs);
    if (isProbed) prober.begin();
    send();
    try {
      return await mine.promise;
    } finally {
      clearTimeout(timer);
      prober.end();
    }
  }

  return {
    close: () => end(new StillframeError('channel-closed', `the channel ${path} was closed by us`, { path })),

    async sync(timeoutMs: number, before: Clients): Promise<void> {
      await exchange(
        () => sendSync(true),
        timeoutMs,
        () => explainSilence(path, timeoutMs, before),
        true,
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
      commands += 1;
      allowed = { bytes: command.maxReplyBytes, command: command.name };
      const limit = options.timeoutMs ?? (command.timeLimitMs === 'lease' ? quickMs : command.timeLimitMs);
      const late = async () =>
        new StillframeError(
          'agent-timed-out',
          `the agent on ${path} did not answer ${command.name} within ${Math.round(limit)} ms`,
          { path, timeoutMs: limit },
        );
      const request = encodeRequest(command.name, command.arguments(args));
      const send = () => {
        options.onSent?.();
        socket.write(request);
      };
      // A command that was lost is found at once only where it may be sent again at once.
      const reply = await exchange(send, limit, late, command.effect !== 'once').catch((error: unknown) => {
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
