/** One agent: its settings, its freeze, its commands, and the channels that it serves. */

import type { Platform } from './platform.ts';

export interface Agent {
  readonly platform: Platform;
}
