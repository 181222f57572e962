/** `npm run agent:build [-- --arch aarch64,riscv64] [--release]`: the agent for one processor or several, into dist/agent/. */

import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAgent } from './build.ts';
import { forEachArchitecture } from './command-line.ts';

const directory = fileURLToPath(new URL('../../dist/agent/', import.meta.url));
const notices = fileURLToPath(new URL('deb/copyright', import.meta.url));

await forEachArchitecture('agent:build', async (arch, release) => {
  const built = await buildAgent({ arch, release });
  const path = join(directory, `stillframe-agent-${arch}`);
  await mkdir(directory, { recursive: true });
  // A program that runs cannot be overwritten.
  await copyFile(built, `${path}.part`);
  await rename(`${path}.part`, path);
  // The licenses of what is linked into it require their notices in every copy.
  await copyFile(notices, join(directory, 'stillframe-agent.copyright'));
  const bytes = await readFile(path);
  return `${path}  ${bytes.length} bytes  sha256 ${createHash('sha256').update(bytes).digest('hex')}`;
});
