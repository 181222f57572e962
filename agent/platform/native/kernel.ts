/** Facts about the system, and queries to every filesystem by a process that may block. */

import type { FilesystemSize, Kernel } from '../../core/platform.ts';
import { checkValue, native } from './natives.ts';
import { probe, probeKinds } from './probes.ts';

export const kernel: Kernel = {
  system() {
    const [release, version, machine] = native.system();
    return { release, version, machine };
  },
  interfaces: () => checkValue(native.interfaces()),
  sizes: (paths, limitMs) => probe(probeKinds.size, paths, limitMs, sizeOf),
  trim: (paths, minimum, limitMs) =>
    probe(probeKinds.trim, paths, limitMs, ([trimmed, least]) => ({ trimmed: trimmed!, minimum: least! }), { minimum }),
  thaw: (paths, limitMs) => probe(probeKinds.thaw, paths, limitMs, ([times]) => Number(times)),
  loopBacking(device) {
    const found = native.loopBacking(device);
    return typeof found === 'number' ? undefined : { major: found[0], minor: found[1] };
  },
};

function sizeOf([blockSize, blocks, free, available]: readonly bigint[]): FilesystemSize {
  return { blockSize: Number(blockSize), blocks: blocks!, free: free!, available: available! };
}
