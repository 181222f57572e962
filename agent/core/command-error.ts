/** The error by which a command reports that it failed. */

import type { AgentErrorBody } from '../../protocol/agent/request.ts';

/** The command failed; the reply has this text and this class. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly class: AgentErrorBody['class'];
  constructor(desc: string, errorClass: AgentErrorBody['class'] = 'GenericError') {
    super(desc);
    this.class = errorClass;
  }
}
