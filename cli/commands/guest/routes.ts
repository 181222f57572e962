/** `stillframe guest`: the guests, and single commands to them. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../../context.ts';
import { guestFreeze } from './freeze.ts';
import { guestInfo } from './info.ts';
import { guestList } from './list.ts';
import { guestPing } from './ping.ts';
import { guestShow } from './show.ts';
import { guestStatus } from './status.ts';
import { guestThaw } from './thaw.ts';

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
