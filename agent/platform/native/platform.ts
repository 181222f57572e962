/** The platform of the binary. */

import type { Platform } from '../../core/platform.ts';
import { channels } from './channels.ts';
import { children } from './children.ts';
import { files } from './files.ts';
import { freezing } from './freezing.ts';
import { kernel } from './kernel.ts';
import { after } from './loop.ts';
import { check, native } from './natives.ts';
import { processControl } from './process-control.ts';

export const platform: Platform = {
  process: processControl,
  clock: {
    bootMs: native.bootMs,
    realNs: native.realNs,
    setRealNs: (ns) => void check(native.setRealNs(ns)),
    after,
  },
  bytes: native,
  files,
  children,
  kernel,
  channels,
  freezing,
};
