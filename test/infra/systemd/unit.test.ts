/** The host's unit grants what the worker needs and no more; a setting that falls out is seen here. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const unit = await readFile(new URL('../../../infra/systemd/stillframe-host.service', import.meta.url), 'utf8');
const settings = new Map(
  unit.split('\n').flatMap((line) => (/^[A-Z]\w+=/.test(line) ? [line.split(/=(.*)/).slice(0, 2) as [string, string]] : [])),
);

test('the unit leaves root four capabilities, no new privileges, and no calls beyond those of a service', () => {
  assert.equal(settings.get('CapabilityBoundingSet'), 'CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID CAP_KILL');
  assert.equal(settings.get('NoNewPrivileges'), 'yes');
  assert.equal(settings.get('SystemCallFilter'), '@system-service');
  assert.equal(settings.get('RestrictAddressFamilies'), 'AF_UNIX AF_INET AF_INET6');
});

test('the unit keeps its files private, and the system read-only', () => {
  assert.equal(settings.get('UMask'), '0077');
  assert.equal(settings.get('StateDirectoryMode'), '0711', 'QEMU’s user reaches scratch below it, and cannot list it');
  assert.equal(settings.get('CacheDirectoryMode'), '0700');
  assert.equal(settings.get('ProtectSystem'), 'full');
  assert.equal(settings.get('PrivateTmp'), 'yes');
});

test('the unit thaws after every stop, and is started again without limit', () => {
  assert.match(settings.get('ExecStopPost')!, /thaw --local$/);
  assert.equal(settings.get('Restart'), 'always');
  assert.equal(settings.get('StartLimitIntervalSec'), '0');
});
