/** `stillframe window`: held windows. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../../context.ts';
import { windowRun } from './run.ts';

export const windowRoutes = buildRouteMap<string, Context>({
  routes: { run: windowRun },
  docs: { brief: 'Freeze a guest around a snapshot that something else takes' },
});
