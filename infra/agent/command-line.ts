/** What `npm run agent:build` and `npm run agent:deb` take, and how they fail. */

import { parseArgs } from 'node:util';
import { messageOf } from '../../model/errors.ts';
import { architectures, ownArchitecture, type Architecture } from './toolchain.ts';

/** Prints what `make` says of each processor that was asked for, this machine's own when none was. */
export async function forEachArchitecture(
  program: string,
  make: (arch: Architecture, release: boolean) => Promise<string>,
): Promise<void> {
  try {
    const { arch, release } = read(program);
    for (const name of arch) process.stdout.write(`${await make(name, release)}\n`);
  } catch (error) {
    process.stderr.write(`${program}: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

function read(program: string): { arch: Architecture[]; release: boolean } {
  const usage = `usage: npm run ${program} [-- [--arch ${architectures.join(',')}] [--release]]`;
  try {
    const { values } = parseArgs({ options: { arch: { type: 'string' }, release: { type: 'boolean', default: false } } });
    const names = values.arch?.split(',') ?? [ownArchitecture()];
    return { arch: names.map(asArchitecture), release: values.release };
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${usage}`, { cause: error });
  }
}

function asArchitecture(name: string): Architecture {
  const known = architectures.find((each) => each === name);
  if (!known) throw new Error(`--arch ${name}: the agent is built for ${architectures.join(', ')}`);
  return known;
}
