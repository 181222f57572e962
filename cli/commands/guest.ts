/** `stillframe guest`: the guests, and single commands to them. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../context.ts';
import { guestFreeze } from './guest-freeze.ts';
import { guestInfo } from './guest-info.ts';
import { guestList } from './guest-list.ts';
import { guestPing } from './guest-ping.ts';
import { guestShow } from './guest-show.ts';
import { guestStatus } from './guest-status.ts';
import { guestThaw } from './guest-thaw.ts';

export const guestRoutes = buildRouteMap<string, Context>({
  routes: {
    list: guestList,
    show: guestShow,
    ping: guestPing,
    info: guestInfo,
    status: guestStatus,
    freeze: guestFreeze,
    thaw: guestThaw,
  },
  docs: { brief: 'Look at guests, and send them single commands' },
});
