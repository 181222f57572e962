/** The lint rules that keep the arrows between the rooms pointing down. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** File, and the import that must be refused there. */
const forbidden: [file: string, statement: string][] = [
  ['protocol/agent/x.ts', `import { a } from '../../model/a.ts';`],
  ['protocol/x.ts', `import { a } from 'node:fs';`],
  ['model/x.ts', `import { a } from '../protocol/a.ts';`],
  ['model/x.ts', `import { a } from 'zod';`],
  ['agent/core/x.ts', `import { a } from '../../host/a.ts';`],
  ['agent/core/x.ts', `import { a } from '../platform/node/a.ts';`],
  ['agent/core/commands/x.ts', `import { a } from 'node:fs';`],
  ['agent/platform/node/x.ts', `import { a } from '@temporalio/common';`],
  ['agent/platform/native/x.ts', `import { a } from 'node:fs';`],
  ['host/window/x.ts', `import { a } from '../../agent/core/a.ts';`],
  ['host/window/x.ts', `import { a } from '../../repository/a.ts';`],
  ['host/x.ts', `import { a } from '@temporalio/common';`],
  ['repository/x.ts', `import { a } from '../host/a.ts';`],
  ['activities/x.ts', `import type { A } from '../workflows/a.ts';`],
  ['activities/x.ts', `import { a } from 'zod';`],
  ['workflows/x.ts', `import { a } from '../activities/a.ts';`],
  ['workflows/x.ts', `import { a } from '../host/a.ts';`],
  ['workflows/x.ts', `import { a } from 'node:crypto';`],
  ['workflows/x.ts', `import { a } from '@temporalio/client';`],
  ['workers/x.ts', `import { a } from '../cli/a.ts';`],
  ['workers/x.ts', `import { a } from 'zod';`],
  ['config/host-file.ts', `import { a } from '../cli/a.ts';`],
  ['cli/commands/x.ts', `import { a } from '../../host/a.ts';`],
  ['cli/commands/x.ts', `import { a } from '../../workers/up.ts';`],
  ['cli/x.ts', `import { a } from '@temporalio/worker';`],
  ['cli/x.ts', `export { a } from '../infra/a.ts';`],
  ['infra/lab/x.ts', `import { a } from '../../workers/a.ts';`],
  ['infra/lab/x.ts', `import { a } from '../../agent/core/a.ts';`],
];

const allowed: [file: string, statement: string][] = [
  ['agent/core/commands/x.ts', `import { a } from '../../../protocol/json.ts';`],
  ['agent/platform/node/x.ts', `import { a } from 'node:fs';`],
  ['agent/platform/native/x.ts', `import { a } from '../../core/a.ts';`],
  ['host/window/x.ts', `import { a } from '../../protocol/agent/a.ts';`],
  ['activities/x.ts', `import { a } from '../host/a.ts';`],
  ['workflows/x.ts', `import type { A } from '../activities/a.ts';`],
  ['config/host-file.ts', `import { a } from 'zod';`],
  ['workers/x.ts', `import { a } from '../infra/temporal/a.ts';`],
  ['infra/lab/x.ts', `import { a } from '../agent/a.ts';`],
  ['cli/commands/x.ts', `import { a } from '../../config/host-file.ts';`],
  ['cli/x.ts', `import { a } from 'zod';`],
];

describe('the arrow rule', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stillframe-test-'));
    await copyFile(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
  });
  after(() => rm(folder, { recursive: true }));

  /** What the lint says about imports in a file that holds only `statement`. */
  async function lint(file: string, statement: string): Promise<string> {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), `${statement}\n`);
    const { status, stdout, error } = spawnSync(join(root, 'node_modules/.bin/oxlint'), [file], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.ifError(error);
    assert.ok(status !== null && stdout.includes('1 file'), stdout);
    return stdout.includes('no-restricted-imports') ? `refused with status ${status}` : 'allowed';
  }

  for (const [file, statement] of forbidden)
    it(`refuses in ${file}: ${statement}`, async () => assert.equal(await lint(file, statement), 'refused with status 1'));
  for (const [file, statement] of allowed)
    it(`allows in ${file}: ${statement}`, async () => assert.equal(await lint(file, statement), 'allowed'));
});
