/** `npm run agent:build`: the agent for one processor or several, into dist/agent/. */

import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildAgent } from './build.ts';
import { architectures, type Architecture } from './toolchain.ts';

const directory = fileURLToPath(new URL('../../dist/agent/', import.meta.url));

try {
  const { values } = parseArgs({
    options: { arch: { type: 'string', default: 'x86_64' }, release: { type: 'boolean', default: false } },
  });
  for (const name of values.arch.split(',')) await make(asArchitecture(name), values.release);
} catch (error) {
  process.stderr.write(`agent: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function make(arch: Architecture, release: boolean): Promise<void> {
  const built = await buildAgent({ arch, release });
  const path = join(directory, `stillframe-agent-${arch}`);
  await mkdir(directory, { recursive: true });
  await copyFile(built, path);
  const bytes = await readFile(path);
  process.stdout.write(`${path}  ${bytes.length} bytes  sha256 ${createHash('sha256').update(bytes).digest('hex')}\n`);
}

function asArchitecture(name: string): Architecture {
  const known = architectures.find((each) => each === name);
  if (!known) throw new Error(`--arch ${name}: the agent is built for ${architectures.join(', ')}`);
  return known;
}
