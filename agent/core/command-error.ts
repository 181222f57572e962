/** How a command says that it failed. */

import type { AgentErrorBody } from '../../protocol/agent/request.ts';

/** The command has failed, in these words and with this class. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly class: AgentErrorBody['class'];
  constructor(desc: string, errorClass: AgentErrorBody['class'] = 'GenericError') {
    super(desc);
    this.class = errorClass;
  }
}
