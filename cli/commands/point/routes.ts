/** `stillframe point`: the restore points of a repository. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../../context.ts';
import { pointList } from './list.ts';
import { pointShow } from './show.ts';

export const pointRoutes = buildRouteMap<string, Context>({
  routes: { list: pointList, show: pointShow },
  docs: { brief: 'Look at restore points' },
});
