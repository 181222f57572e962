/** `npm run agent:deb [-- --arch aarch64,riscv64] [--release]`: the agent's Debian package, into dist/agent/. */

import { fileURLToPath } from 'node:url';
import { buildAgent } from './build.ts';
import { forEachArchitecture } from './command-line.ts';
import { packageAgent } from './deb.ts';

const directory = fileURLToPath(new URL('../../dist/agent/', import.meta.url));

await forEachArchitecture('agent:deb', async (arch, release) =>
  packageAgent({ binary: await buildAgent({ arch, release }), arch, into: directory }),
);
