/** `npm run agent:deb [-- --arch aarch64,riscv64]`: builds the agent, and the Debian package of it, into dist/agent. */

import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../../model/errors.ts';
import { buildAgent } from './build.ts';
import { debianArch, packageAgent, type AgentArch } from './deb.ts';

const into = fileURLToPath(new URL('../../dist/agent', import.meta.url));

process.exit(await main());

async function main(): Promise<number> {
  try {
    for (const arch of wantedArchs()) {
      const path = await packageAgent({ binary: await buildAgent({ arch }), arch, into });
      process.stdout.write(`${relative(process.cwd(), path)}\n`);
    }
    return 0;
  } catch (error) {
    process.stderr.write(`agent:deb: ${messageOf(error)}\n`);
    return 1;
  }
}

function wantedArchs(): AgentArch[] {
  const { values } = parseArgs({ options: { arch: { type: 'string', default: 'x86_64' } } });
  return values.arch.split(',').map((arch) => {
    if (!Object.hasOwn(debianArch, arch))
      throw new Error(`there is no package for ${JSON.stringify(arch)}: --arch takes ${Object.keys(debianArch).join(', ')}`);
    return arch as AgentArch;
  });
}
