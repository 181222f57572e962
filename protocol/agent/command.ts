/** The shape of a guest-agent command: one object for each, in a file of its own under commands/. */

import type { Json, JsonObject } from '../json.ts';

export interface AgentCommand<Arguments, Reply> {
  /** Wire name. */
  name: string;
  /** Arguments → wire. Undefined sends none. */
  arguments(args: Arguments): JsonObject | undefined;
  /** Wire → reply, with every required key required. @throws ReplyShapeError */
  reply(value: Json): Reply;
  /**
   * What a lost reply means: `read` may be asked again; `idempotent` may be sent again and ends in the same state;
   * `once` must not be sent again before its outcome is known.
   */
  effect: 'read' | 'idempotent' | 'once';
  /** Milliseconds that a healthy agent never needs; `lease` is bounded by the window's lease instead. */
  timeLimitMs: number | 'lease';
  /** A longer reply is not read: its agent is broken or hostile. */
  maxReplyBytes: number;
  /** False for the commands that qemu-ga answers only when they fail. */
  answersSuccess: boolean;
}
