/** Flags of the commands that look at restore points. */

import { configFlag, jsonFlag } from '../../flags.ts';
import { trustFlags, type TrustFlags } from '../../origin.ts';
import { repositoryFlags, type RepositoryFlags } from '../../repository.ts';

export const pointFlags = { ...repositoryFlags, ...trustFlags, config: configFlag, json: jsonFlag };
export type PointFlags = RepositoryFlags & TrustFlags & { json: boolean };
