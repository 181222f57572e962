/** The agent's platform by Node: for unit tests and for work on the core. It cannot freeze; a test that needs a freeze brings one. */

import type { Platform } from '../../core/platform.ts';
import { bytes } from './bytes.ts';
import { channels } from './channels.ts';
import { children } from './children.ts';
import { clock } from './clock.ts';
import { createFiles } from './files.ts';
import { kernel } from './kernel.ts';
import { createProcessControl } from './process-control.ts';

/** `parts` replace Node's own. */
export function createNodePlatform(args: readonly string[], parts: Partial<Platform> = {}): Platform {
  return {
    process: createProcessControl(args),
    clock,
    bytes,
    files: createFiles(),
    children,
    kernel,
    channels,
    freezing: undefined,
    ...parts,
  };
}
