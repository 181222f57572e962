/** What Node knows of its machine. It has no ioctl(2), so it can neither trim nor thaw. */

import { readdirSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import os from 'node:os';
import { ENOSYS, ETIMEDOUT } from '../../core/errno.ts';
import type { FilesystemSize, InterfaceAddress, Kernel, SystemError } from '../../core/platform.ts';
import { asSystemError, systemError } from './system-error.ts';

export const kernel: Kernel = {
  system: () => ({ release: os.release(), version: os.version(), machine: os.machine() }),
  interfaces() {
    const known = os.networkInterfaces();
    return readdirSync('/sys/class/net').flatMap((name): InterfaceAddress[] => {
      const hardware = readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim();
      const link = { interface: name, ...(hardware && { hardware }) };
      const addresses = known[name]?.map(({ address, family, cidr }) => ({
        ...link,
        address,
        family: family === 'IPv6' ? ('ipv6' as const) : ('ipv4' as const),
        prefix: Number(cidr?.split('/')[1]),
      }));
      return addresses ?? [link];
    });
  },
  sizes: (paths, limitMs) => Promise.all(paths.map((path) => Promise.race([sizeOf(path), limit(limitMs)]))),
  trim: (paths) => Promise.resolve(paths.map(() => systemError(ENOSYS))),
  thaw: (paths) => Promise.resolve(paths.map(() => systemError(ENOSYS))),
  loopBacking: () => undefined,
};

async function sizeOf(path: string): Promise<FilesystemSize | SystemError> {
  try {
    const { bsize, blocks, bfree, bavail } = await statfs(path, { bigint: true });
    return { blockSize: Number(bsize), blocks, free: bfree, available: bavail };
  } catch (error) {
    return asSystemError(error) as SystemError;
  }
}

function limit(ms: number): Promise<SystemError> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(systemError(ETIMEDOUT)), ms).unref();
  });
}
