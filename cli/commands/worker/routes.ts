/** `stillframe worker`: the processes of a fleet, one at a time. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../../context.ts';
import { workerControl } from './control.ts';
import { workerGuardian } from './guardian.ts';
import { workerHost } from './host.ts';

export const workerRoutes = buildRouteMap<string, Context>({
  routes: { host: workerHost, control: workerControl, guardian: workerGuardian },
  docs: { brief: 'Run one worker' },
});
