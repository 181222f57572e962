/**
 * The two connections to a guest: its agent's channel, which has one owner and one command out at a time, and its monitor, which
 * several may share because each reply carries the id of its command.
 */

import type { AgentCommand } from '../../protocol/agent/command.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';

/** A synced channel. Any failure but `agent-refused` ends it: open a new one. */
export interface AgentChannel {
  /**
   * Sends one command and waits for its reply.
   * @throws agent-refused (the agent answered with an error), agent-timed-out, agent-garbled, agent-too-large, channel-closed
   */
  execute<Arguments, Reply>(
    command: AgentCommand<Arguments, Reply>,
    args: Arguments,
    options?: {
      /** Milliseconds; the command's own limit when absent. */
      timeoutMs?: number;
      /** Called when the first byte is handed to the kernel. */
      onSent?: () => void;
    },
  ): Promise<Reply>;
  close(): void;
}

/**
 * Where an agent can be reached, as its guest's driver names it and the journal keeps it. It is resolved at each connection, by
 * processes without a driver too (warden, `thaw --local`).
 */
export type AgentAddress = SocketAddress;

interface SocketAddress {
  kind: 'socket';
  path: string;
}

/** Opens a channel and syncs it; `timeoutMs` bounds the sync, the channel's own limit when absent. */
export type Connect = (address: AgentAddress, timeoutMs?: number) => Promise<AgentChannel>;

export interface MonitorEvent {
  name: string;
  data: JsonObject;
}

/** A monitor after its capabilities handshake. */
export interface Monitor {
  /** Runs one QMP command. @throws monitor-refused (facts: class, desc), monitor-timed-out, monitor-closed, monitor-garbled */
  execute(command: string, args?: JsonObject, options?: { timeoutMs?: number }): Promise<Json>;
  /**
   * Passes every event on, in order, until the returned function is called. The first listener also gets what came before it; later
   * ones get what comes after they have asked.
   */
  onEvent(listener: (event: MonitorEvent) => void): () => void;
  /** Resolves once when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  close(): void;
}
