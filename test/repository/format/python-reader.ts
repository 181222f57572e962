/** Runs reader.py, which knows the format from its description alone. */

import { fileURLToPath } from 'node:url';
import { aptGet } from '../../../infra/lab/packages.ts';
import { findProgram } from '../../../lib/find-program.ts';
import { run, runToEnd, type Ending } from '../../../lib/run.ts';

const script = fileURLToPath(new URL('reader.py', import.meta.url));
/** For which Debian installs its packages. */
const debianPython = '/usr/bin/python3';

let found: Promise<string> | undefined;

export async function readWithPython(...args: string[]): Promise<Ending> {
  found ??= findPython();
  return runToEnd([await found, script, ...args]);
}

/** One that has the package cryptography; it and zstd are installed when they are missing. */
async function findPython(): Promise<string> {
  const has = async (python: string) =>
    run([python, '-c', 'import cryptography.hazmat.primitives.ciphers.aead']).then(
      () => true,
      () => false,
    );
  const hasZstd = (await findProgram('zstd')) !== undefined;
  for (const python of ['python3', debianPython]) if (hasZstd && (await has(python))) return python;
  await aptGet(['install', '-y', '--no-install-recommends', 'python3-cryptography', 'zstd']);
  return debianPython;
}
