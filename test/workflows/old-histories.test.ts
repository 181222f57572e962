/** Workflows that an earlier version started go on under this one. */

import type { DataConverter } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { glob, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { encryptedBy, inClear } from '../../client/encryption/encrypted-by.ts';
import { thawGuardian } from '../../model/workflows/thaw-guardian.ts';
import { workflowBundle } from '../../workers/temporal/bundle.ts';
import { temporaryFolder } from '../support/folder.ts';
import { installRuntime } from '../../workers/temporal/temporal.ts';

/** One folder a version, recorded from its own workers: `<version>/<workflow type>-<number>.json`. */
const recorded = fileURLToPath(new URL('./histories', import.meta.url));

/** Of a process that has a key file now, which those that recorded had not. */
async function encrypted(t: TestContext): Promise<DataConverter> {
  const keys = join(await temporaryFolder(t), 'keys');
  await writeFile(keys, `a ${randomBytes(32).toString('base64')}`, { mode: 0o600 });
  return encryptedBy(keys);
}

for (const [how, converterOf] of [
  ['', async () => inClear],
  [', also where payloads are encrypted now', encrypted],
] as const) {
  test(`every recorded history of an earlier version replays on this version${how}`, async (t) => {
    installRuntime((level, message) => level === 'error' && process.stderr.write(`${message}\n`));
    const dataConverter = await converterOf(t);
    const bundleOf = (entry: string) => workflowBundle(entry, dataConverter.failureConverterPath);
    const bundles = { control: await bundleOf('index.ts'), guardian: await bundleOf('thaw-guardian.ts') };
    const types = new Set<string>();
    for await (const path of glob(`${recorded}/*/*.json`)) {
      const type = basename(path).replace(/-\d+\.json$/, '');
      const bundle = type === thawGuardian.type ? bundles.guardian : bundles.control;
      const history: unknown = JSON.parse(await readFile(path, 'utf8'));
      await Worker.runReplayHistory({ workflowBundle: bundle, dataConverter }, history, type);
      types.add(type);
    }
    assert.deepEqual([...types].toSorted(), ['backupGuest', 'guestCommand', 'heldWindow', 'hostEntity', 'thawGuardian']);
  });
}
