/** Flags of the commands that look at restore points. */

import { configFlag, jsonFlag } from '../../flags.ts';
import { repositoryFlags, type RepositoryFlags } from '../../repository.ts';

export const pointFlags = { ...repositoryFlags, config: configFlag, json: jsonFlag };
export type PointFlags = RepositoryFlags & { json: boolean };
