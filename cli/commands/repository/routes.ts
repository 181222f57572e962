/** `stillframe repository`: the places where restore points are kept. */

import { buildRouteMap } from '@stricli/core';
import type { Context } from '../../context.ts';
import { repositoryForget } from './forget.ts';
import { repositoryInit } from './init.ts';

export const repositoryRoutes = buildRouteMap<string, Context>({
  routes: { init: repositoryInit, forget: repositoryForget },
  docs: { brief: 'Make repositories, and choose which one a host accepts' },
});
