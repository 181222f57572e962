/** `npm run agent:deb [-- --arch aarch64,riscv64] [--release]`: the agent's Debian package, into dist/agent/. */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../../model/errors.ts';
import { buildAgent } from './build.ts';
import { packageAgent } from './deb.ts';
import { architectures, type Architecture } from './toolchain.ts';

const directory = fileURLToPath(new URL('../../dist/agent/', import.meta.url));

try {
  const { values } = parseArgs({
    options: { arch: { type: 'string', default: 'x86_64' }, release: { type: 'boolean', default: false } },
  });
  for (const name of values.arch.split(',')) {
    const arch = asArchitecture(name);
    const binary = await buildAgent({ arch, release: values.release });
    process.stdout.write(`${await packageAgent({ binary, arch, into: directory })}\n`);
  }
} catch (error) {
  process.stderr.write(`agent:deb: ${messageOf(error)}\n`);
  process.exitCode = 1;
}

function asArchitecture(name: string): Architecture {
  const known = architectures.find((each) => each === name);
  if (!known) throw new Error(`--arch ${name}: the agent is packaged for ${architectures.join(', ')}`);
  return known;
}
