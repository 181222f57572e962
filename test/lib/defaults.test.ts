/** The defaults, and the files that cannot import them. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { defaults } from '../../lib/defaults.ts';

const textOf = (file: string) => readFile(new URL(`../../${file}`, import.meta.url), 'utf8');

test('the unit has systemd make the state directory that the host worker uses by default', async () => {
  const unit = await textOf('infra/systemd/stillframe-host.service');
  // systemd.exec(5): StateDirectory= is a name below /var/lib.
  assert.equal(`/var/lib/${/^StateDirectory=(.*)$/m.exec(unit)?.[1]}`, defaults.stateDir);
  assert.doesNotMatch(unit, /--(config|state|address)/);
});

test('the manual names the defaults that the programs use', async () => {
  const manual = await textOf('docs/070-exit-statuses.md');
  const rows = { STILLFRAME_CONFIG: defaults.config, STILLFRAME_STATE: defaults.stateDir };
  for (const [variable, value] of Object.entries(rows)) {
    const row = manual.split('\n').find((line) => line.includes(`\`${variable}\``) && line.startsWith('|'));
    assert.ok(row?.includes(`\`${value}\``), `${variable}: ${row}`);
  }
});
