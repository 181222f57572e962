/** guest-get-users (QEMU 2.10): who is logged in, each with the earliest login. */

import type { AgentCommand } from '../command.ts';
import { listReply, quickMs } from '../limits.ts';
import { asArray, asNumber, asObject, asString, noArguments } from '../shape.ts';

export interface LoggedIn {
  user: string;
  /** Seconds since 1970, with a fraction. */
  loginTime: number;
}

export const getUsers = {
  name: 'guest-get-users',
  arguments: noArguments,
  reply: (value) =>
    asArray(value, 'return').map((each) => {
      const user = asObject(each, 'return[]');
      return { user: asString(user.user, 'user'), loginTime: asNumber(user['login-time'], 'login-time') };
    }),
  effect: 'read',
  timeLimitMs: quickMs,
  maxReplyBytes: listReply,
  answersSuccess: true,
} satisfies AgentCommand<undefined, LoggedIn[]>;
