import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../support/folder.ts';

const bootstrap = fileURLToPath(new URL('../../infra/bootstrap.mjs', import.meta.url));
const tree = ['.package-lock.json', 'a-package'];

describe('bootstrap', () => {
  let folder: string;
  let checkout: string;
  /** A checkout without dependencies, whose entry prints a word, beside a tree that somebody else installed. */
  beforeEach(async () => {
    folder = await makeFolder();
    checkout = join(folder, 'checkout');
    await mkdir(join(checkout, 'infra'), { recursive: true });
    await copyFile(bootstrap, join(checkout, 'infra/bootstrap.mjs'));
    const about = { name: 'checkout', version: '1.0.0' };
    await writeFile(join(checkout, 'package.json'), JSON.stringify(about));
    const lock = { ...about, lockfileVersion: 3, requires: true, packages: { '': about } };
    await writeFile(join(checkout, 'package-lock.json'), JSON.stringify(lock));
    await writeFile(join(checkout, 'entry.mjs'), `console.log('started');`);
    await mkdir(join(folder, 'elsewhere/a-package'), { recursive: true });
    await writeFile(join(folder, 'elsewhere/.package-lock.json'), '{}');
  });
  afterEach(() => rm(folder, { recursive: true }));

  function start() {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['infra/bootstrap.mjs', 'entry.mjs'], {
      cwd: checkout,
      encoding: 'utf8',
      env: { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') },
    });
    return { status, stdout, stderr };
  }

  for (const [what, lockSeconds] of [
    ['older than the lock file', Date.now() / 1000 + 60],
    ['newer than the lock file', 1],
  ] as const)
    it(`bootstrap refuses a node_modules that is a symbolic link to a tree ${what}, and leaves that tree alone`, async () => {
      const [link, elsewhere] = [join(checkout, 'node_modules'), join(folder, 'elsewhere')];
      await symlink(elsewhere, link);
      await utimes(join(checkout, 'package-lock.json'), lockSeconds, lockSeconds);
      assert.deepEqual(start(), {
        status: 1,
        stdout: '',
        stderr: `stillframe: ${link} is a symbolic link to ${elsewhere}, which "npm ci" would empty: remove the link and run this again, so that the dependencies are installed here\n`,
      });
      assert.deepEqual((await readdir(elsewhere)).toSorted(), tree);
    });

  it('bootstrap installs the dependencies where there is no link, and then starts the entry', async () => {
    const { status, stdout } = start();
    assert.deepEqual({ status, stdout }, { status: 0, stdout: 'started\n' });
  });
});
