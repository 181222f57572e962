/** A host's file: what a good one means, and what each kind of bad one is answered with. */

import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { StillframeError } from '../../model/errors.ts';
import { parseHostConfig, readHostConfig } from '../../config/host-file.ts';
import { temporaryFolder } from '../support/folder.ts';

const scratch = 'scratch: { path: /var/lib/stillframe/scratch }';
const db1 = '{ name: db1, channel: /run/db1/qga.sock, monitor: /run/db1/qmp.sock }';

/** A file with `lines` after the host's name, so that the first of them is line 2. */
function file(...lines: string[]): string {
  return ['host: rack1-a', ...lines].join('\n');
}

function problemsOf(text: string): string[] {
  try {
    parseHostConfig('host.yaml', text);
  } catch (error) {
    assert.ok(error instanceof StillframeError);
    assert.equal(error.code, 'config-invalid');
    return error.message.split('\n');
  }
  assert.fail('the file was accepted');
}

test('a full file is read with its units', () => {
  const config = parseHostConfig(
    'host.yaml',
    file(
      'guests:',
      '  - { name: db1, channel: /run/vm/db1/qga.sock, monitor: /run/vm//db1/qmp.sock, id: DB-1, carries: [temporal],',
      '      agentChannel: /run/vm/db1/sfa.sock }',
      '  - find: { channel: /run/vm/*/qga.sock, agentChannel: /run/vm/*/sfa.sock, monitor: /run/vm/*/qmp.sock }',
      'limits: { lease: 1500ms, leaseCap: 20s, gap: 2m, perHour: 4 }',
      'scratch: { path: /scratch/, limit: 20GiB, margin: 0 }',
      'repositories: { main: /srv/backups }',
      'snapshots: { zfs: [zfs, snapshot, tank/vm@no] }',
    ),
  );
  assert.deepEqual(config, {
    host: 'rack1-a',
    guests: [
      {
        kind: 'listed',
        name: 'db1',
        id: 'db-1',
        channel: '/run/vm/db1/qga.sock',
        agentChannel: '/run/vm/db1/sfa.sock',
        monitor: '/run/vm/db1/qmp.sock',
        carries: ['temporal'],
      },
      {
        kind: 'found',
        channelPattern: '/run/vm/*/qga.sock',
        agentChannelPattern: '/run/vm/*/sfa.sock',
        monitorPattern: '/run/vm/*/qmp.sock',
      },
    ],
    limits: { leaseMs: 1_500, leaseCapMs: 20_000, gapMs: 120_000, perHour: 4 },
    scratch: { path: '/scratch/', limitBytes: 21_474_836_480, marginBytes: 0 },
    strayFreezes: 'report',
    repositories: { main: '/srv/backups' },
    snapshots: { zfs: ['zfs', 'snapshot', 'tank/vm@no'] },
  });
});

test('a key that is left out has its default, and 0 means none', () => {
  const config = parseHostConfig('host.yaml', file(`guests: [${db1}]`, scratch));
  assert.deepEqual(config.limits, { leaseMs: 10_000, leaseCapMs: 30_000, gapMs: 60_000, perHour: 12 });
  assert.deepEqual(config.scratch, {
    path: '/var/lib/stillframe/scratch',
    limitBytes: undefined,
    marginBytes: 268_435_456,
  });
  const free = parseHostConfig('host.yaml', file('guests: []', scratch, 'limits: { gap: 0, perHour: 0 }'));
  assert.deepEqual([free.limits.gapMs, free.limits.perHour], [0, 0]);
});

test('a cap below the usual lease lowers the lease with it', () => {
  const config = parseHostConfig('host.yaml', file('guests: []', scratch, 'limits: { leaseCap: 4s }'));
  assert.deepEqual([config.limits.leaseMs, config.limits.leaseCapMs], [4_000, 4_000]);
});

test('freezes that no window made are reported, and thawed only where the file says so', () => {
  const policy = (...lines: string[]) => parseHostConfig('host.yaml', file('guests: []', scratch, ...lines)).strayFreezes;
  assert.deepEqual([policy(), policy('strayFreezes: thaw')], ['report', 'thaw']);
});

const bad: [what: string, lines: string[], expected: string][] = [
  [
    'an unknown key, with the near one',
    ['guests: []', scratch, 'limits: { leese: 1s }'],
    'host.yaml:4:11: limits.leese: unknown key. Did you mean "lease"? Known here: lease, leaseCap, gap, perHour',
  ],
  [
    'an unknown key at the top that is near nothing',
    ['guests: []', scratch, 'zzzzzzzz: 1'],
    'host.yaml:4:1: zzzzzzzz: unknown key. Known here: host, guests, limits, scratch, strayFreezes, repositories, snapshots',
  ],
  [
    'a freeze that is neither reported nor thawed',
    ['guests: []', scratch, 'strayFreezes: ignore'],
    'host.yaml:4:15: strayFreezes: "ignore" is not one of report, thaw',
  ],
  ['a wrong type', ['guests: {}', scratch], 'host.yaml:2:9: guests: {} is not a list of guests'],
  [
    'a guest that is not a mapping',
    ['guests:', '  - db1', scratch],
    'host.yaml:3:5: guests[0]: "db1" is not a guest: a mapping with name, channel and monitor, or with find',
  ],
  [
    'a missing key, at the mapping that lacks it',
    ['guests:', '  - { name: db1, channel: /a }', scratch],
    'host.yaml:3:5: guests[0].monitor: missing; expected the absolute path of a socket, at most 107 bytes',
  ],
  [
    'a socket path that no kernel takes',
    ['guests:', `  - { name: db1, channel: /${'a'.repeat(107)}, monitor: /m }`, scratch],
    `host.yaml:3:27: guests[0].channel: "/${'a'.repeat(58)}… is not the absolute path of a socket, at most 107 bytes`,
  ],
  [
    'a duration without a unit',
    ['guests: []', scratch, 'limits: { gap: 60 }'],
    'host.yaml:4:16: limits.gap: 60 is not a duration such as 10s, 1500ms, 2m or 1h, or 0 for none',
  ],
  [
    'a lease of zero',
    ['guests: []', scratch, 'limits: { lease: 0 }'],
    'host.yaml:4:18: limits.lease: 0 is not a duration such as 10s, 1500ms, 2m or 1h, at least 1ms and at most 30s',
  ],
  [
    'a lease cap above the longest',
    ['guests: []', scratch, 'limits: { leaseCap: 31s }'],
    'host.yaml:4:21: limits.leaseCap: "31s" is not a duration such as 10s, 1500ms, 2m or 1h, at least 1ms and at most 30s',
  ],
  [
    'a lease above the cap',
    ['guests: []', scratch, 'limits: { lease: 9s, leaseCap: 8s }'],
    'host.yaml:4:18: limits.lease: "9s" is not at most limits.leaseCap (8000 ms)',
  ],
  [
    'a count that is none',
    ['guests: []', scratch, 'limits: { perHour: 1.5 }'],
    'host.yaml:4:20: limits.perHour: 1.5 is not a whole number up to 64, or 0 for no limit',
  ],
  [
    'a size in decimal units',
    ['guests: []', 'scratch: { path: /s, limit: 20GB }'],
    'host.yaml:3:29: scratch.limit: "20GB" is not a size such as 20GiB, 256MiB or 4096B',
  ],
  [
    'a pattern with two stars',
    ['guests:', '  - find: { channel: /vm/*/*.sock, monitor: /vm/*/qmp }', scratch],
    'host.yaml:3:22: guests[0].find.channel: "/vm/*/*.sock" is not an absolute path with exactly one "*"',
  ],
  [
    'a pattern without a star',
    ['guests:', '  - find: { channel: /vm/*/qga, monitor: /vm/qmp }', scratch],
    'host.yaml:3:42: guests[0].find.monitor: "/vm/qmp" is not an absolute path with exactly one "*"',
  ],
  [
    'something carried that we know nothing of',
    ['guests:', '  - { name: a, channel: /a, monitor: /b, carries: [temporl] }', scratch],
    'host.yaml:3:52: guests[0].carries[0]: "temporl" is not one of temporal, repository, scratch, journal',
  ],
  [
    'a relative repository',
    ['guests: []', scratch, 'repositories: { main: srv }'],
    'host.yaml:4:23: repositories.main: "srv" is not an absolute path',
  ],
  [
    'a snapshot command as one string',
    ['guests: []', scratch, 'snapshots: { zfs: zfs snapshot }'],
    'host.yaml:4:19: snapshots.zfs: "zfs snapshot" is not a command as a list: its program, then its arguments',
  ],
  [
    'two guests with one channel',
    ['guests:', `  - ${db1}`, '  - { name: db2, channel: /run/../run/db1/qga.sock, monitor: /m }', scratch],
    'host.yaml:4:27: guests[1].channel: guest "db2" has the same socket "/run/db1/qga.sock" as guest "db1" (its channel, line 3); each guest has its own',
  ],
  [
    "a monitor that is another guest's channel",
    ['guests:', `  - ${db1}`, '  - { name: db2, channel: /c, monitor: /run/db1/qga.sock }', scratch],
    'host.yaml:4:40: guests[1].monitor: guest "db2" has the same socket "/run/db1/qga.sock" as guest "db1" (its channel, line 3); each guest has its own',
  ],
  [
    'a second channel that is the first',
    ['guests:', '  - { name: db1, channel: /a, agentChannel: /a, monitor: /m }', scratch],
    'host.yaml:3:45: guests[0].agentChannel: guest "db1" has the same socket "/a" as guest "db1" (its channel, line 3); each guest has its own',
  ],
  [
    'two guests with one name',
    ['guests:', `  - ${db1}`, '  - { name: db1, channel: /c, monitor: /m }', scratch],
    'host.yaml:4:13: guests[1].name: guest "db1" has the same name "db1" as guest "db1" (its name, line 3); each guest has its own',
  ],
  [
    'two guests with one id, whatever its case',
    ['guests:', '  - { name: a, id: X, channel: /a, monitor: /b }', '  - { name: b, id: x, channel: /c, monitor: /d }', scratch],
    'host.yaml:4:20: guests[1].id: guest "b" has the same id "x" as guest "a" (its id, line 3); each guest has its own',
  ],
];

for (const [what, lines, expected] of bad) {
  test(`refused: ${what}`, () => assert.deepEqual(problemsOf(file(...lines)), [expected]));
}

test('all problems of a file are reported, in its order', () => {
  const problems = problemsOf(file('guests: 1', 'scratch: {}', 'limits: { gap: x }'));
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['host.yaml:2:9:', 'host.yaml:3:10:', 'host.yaml:4:16:'],
  );
});

test('text that is not YAML is refused with its place, and so is an empty file', () => {
  assert.match(problemsOf(file('guests: [}'))[0]!, /^host\.yaml:2:\d+: not valid YAML: /);
  assert.match(problemsOf(file('host: other'))[0]!, /^host\.yaml:2:1: not valid YAML: Map keys must be unique/);
  assert.deepEqual(problemsOf(''), ['host.yaml:1:1: missing; expected a mapping (key: value)']);
});

test('the file is read from disk, and the error for a missing one says how to make it', async (t) => {
  const directory = await temporaryFolder(t);
  const path = join(directory, 'host.yaml');
  await assert.rejects(readHostConfig(path), (error: StillframeError) => {
    assert.equal(error.code, 'config-invalid');
    assert.match(error.message, /the host's file does not exist\. Write one \(docs\/030-hosts-file\.md .* --config FILE/);
    return true;
  });
  await writeFile(path, file('guests: []', scratch));
  assert.equal((await readHostConfig(path)).host, 'rack1-a');
});

test('a file that other users can write is not used, and the error has the command that helps', async (t) => {
  const path = join(await temporaryFolder(t), 'host.yaml');
  await writeFile(path, file(`guests: [${db1}]`, scratch));
  await readHostConfig(path);
  await chmod(path, 0o666);
  await assert.rejects(readHostConfig(path), {
    code: 'config-invalid',
    message: /says what may be done to guests, and is not used: .*run "chmod go-w .*host\.yaml"/,
  });
});
