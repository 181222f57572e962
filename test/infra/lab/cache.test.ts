import assert from 'node:assert/strict';
import { mkdir, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { run } from '../../../lib/run.ts';
import { temporaryFolder } from '../../support/folder.ts';

/** Runs a program in a cache of its own: where it lies is settled when the module is loaded. */
async function emptyCache(t: TestContext): Promise<{ lab: string; call(program: string): Promise<unknown> }> {
  const home = await temporaryFolder(t);
  const module = JSON.stringify(join(import.meta.dirname, '../../../infra/lab/cache.ts'));
  const lab = join(home, 'stillframe', 'lab');
  await mkdir(lab, { recursive: true });
  return {
    lab,
    call: (program) =>
      run([process.execPath, '--input-type=module', '--eval', `import { cached, dropUnused } from ${module};\n${program}`], {
        env: { ...process.env, XDG_CACHE_HOME: home },
      }),
  };
}

const longAgo = new Date(Date.now() - 3 * 3_600_000);

test('what was not used for hours is dropped, with what was left half made; what was asked for, and other things, stay', async (t) => {
  const { lab, call } = await emptyCache(t);
  for (const name of ['memory-old', '.memory-half-made', 'memory-asked-for', 'guest-old']) {
    await mkdir(join(lab, name));
    await utimes(join(lab, name), longAgo, longAgo);
  }
  await mkdir(join(lab, 'memory-new'));
  await call(`await cached('memory-asked-for', () => { throw new Error('it is there'); }); await dropUnused('memory-');`);
  assert.deepEqual((await readdir(lab)).toSorted(), ['guest-old', 'memory-asked-for', 'memory-new']);
});

test('what could not be made leaves nothing behind', async (t) => {
  const { lab, call } = await emptyCache(t);
  await assert.rejects(call(`await cached('memory-x', () => { throw new Error('no room'); });`), /no room/);
  assert.deepEqual(await readdir(lab), []);
});
