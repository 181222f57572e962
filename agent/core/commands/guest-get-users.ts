/** guest-get-users: logged-in users, each once, with the time of login; an empty list where the system keeps no record. */

import { JsonFloat } from '../../../protocol/json.ts';
import type { Command } from '../command.ts';
import { orUndefined } from '../system/call-errors.ts';
import { parseUtmp } from '../system/utmp.ts';

export const getUsers: Command = {
  takes: {},
  run({ platform: { files, kernel, bytes } }) {
    const records =
      orUndefined(() => files.readBytes('/run/utmp')) ?? orUndefined(() => files.readBytes('/var/run/utmp')) ?? new Uint8Array();
    const since = new Map<string, number>();
    for (const { user, time } of parseUtmp(records, bytes, kernel.system().machine === 'aarch64'))
      since.set(user, Math.min(time, since.get(user) ?? time));
    return [...since].map(([user, time]) => ({ user, 'login-time': new JsonFloat(time) }));
  },
};
