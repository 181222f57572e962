/** How the binary is built: the same bytes from everywhere, small, standing alone, and for other processors too. */

import assert from 'node:assert/strict';
import { cp, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { it } from 'node:test';
import { run } from '../../../lib/run.ts';
import { buildAgent } from '../../../infra/agent/build.ts';
import { aptGet } from '../../../infra/lab/packages.ts';
import { startAgent } from './agent-process.ts';
import { longestBuild } from './binaries.ts';
import { temporaryFolder } from '../../support/folder.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What is built from, and node_modules for the bundler. */
const sources = ['lib', 'agent', 'protocol', 'model', 'host', 'infra', 'package.json', 'tsconfig.json'];

/** The bound. */
const mostBytes = 1_000_000;

it('a copy elsewhere, with an empty cache, makes the same bytes', longestBuild, async (t) => {
  const directory = await temporaryFolder(t);
  const here = await readFile(await buildAgent());
  for (const name of sources) await cp(join(root, name), join(directory, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  const script = `import { buildAgent } from './infra/agent/build.ts'; process.stdout.write(await buildAgent());`;
  const env = { ...process.env, XDG_CACHE_HOME: join(directory, 'cache') };
  const there = await run([process.execPath, '--input-type=module', '-e', script], { cwd: directory, env });
  assert.ok(there.startsWith(directory));
  assert.ok((await readFile(there)).equals(here));
});

it('the program is small and static', longestBuild, async () => {
  const binary = await buildAgent();
  assert.ok((await stat(binary)).size <= mostBytes);
  const content = (await readFile(binary)).toString('latin1');
  assert.ok(!content.includes('ld-musl') && !content.includes('ld-linux'));
});

for (const arch of ['aarch64', 'riscv64'] as const) {
  it(`the agent for ${arch} answers on an emulated processor`, longestBuild, async (t) => {
    const emulator = `qemu-${arch}-static`;
    await ensureEmulator(emulator);
    const agent = await startAgent(t, await buildAgent({ arch }), { runner: [emulator] });
    const client = await agent.connect();
    assert.deepEqual(await client.ask('guest-ping'), {});
    const { pid } = (await client.ask('guest-exec', { path: '/bin/true' })) as { pid: number };
    assert.equal(typeof pid, 'number');
    assert.deepEqual(await agent.end('SIGTERM'), { code: 0, signal: null });
  });
}

async function ensureEmulator(program: string): Promise<void> {
  const isThere = await run([program, '--version']).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  if (process.getuid?.() !== 0)
    throw new Error(`needs ${program}: run "sudo apt-get install qemu-user-static" once, then this again`);
  process.stderr.write('test: installing qemu-user-static, which runs the agent of other processors\n');
  await aptGet(['install', '-y', '--no-install-recommends', 'qemu-user-static']);
}
