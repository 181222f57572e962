/** Workflows that an earlier version started go on under this one. */

import { Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { thawGuardian } from '../../model/workflows/thaw-guardian.ts';
import { workflowBundle } from '../../workers/temporal/bundle.ts';
import { installRuntime } from '../../workers/temporal/temporal.ts';

/** One folder a version, recorded from its own workers: `<version>/<workflow type>-<number>.json`. */
const recorded = fileURLToPath(new URL('./histories', import.meta.url));

test('every recorded history of an earlier version replays on this version', async () => {
  installRuntime((level, message) => level === 'error' && process.stderr.write(`${message}\n`));
  const bundles = { control: await workflowBundle('index.ts'), guardian: await workflowBundle('thaw-guardian.ts') };
  const types = new Set<string>();
  for await (const path of glob(`${recorded}/*/*.json`)) {
    const type = basename(path).replace(/-\d+\.json$/, '');
    const workflowBundleOf = type === thawGuardian.type ? bundles.guardian : bundles.control;
    await Worker.runReplayHistory({ workflowBundle: workflowBundleOf }, JSON.parse(await readFile(path, 'utf8')), type);
    types.add(type);
  }
  assert.deepEqual([...types].toSorted(), ['backupGuest', 'guestCommand', 'heldWindow', 'hostEntity', 'thawGuardian']);
});
