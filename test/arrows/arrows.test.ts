/** Every import follows the table of rooms, and an import that does not is reported with its place, its rooms and its kind. */

import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { circlesOf } from './circles.ts';
import { readImports } from './imports.ts';
import { withPicture } from './picture.ts';
import { refusalsOf } from './refusals.ts';
import { importsOf, roomNames, rooms } from './rooms.ts';
import { makeFolder } from '../support/folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Folder, statement, and what is said of it after file and line. */
const refused: [folder: string, statement: string, why: string][] = [
  ['lib', `import type { A } from '../model/a.ts';`, 'room lib may not import room model (type)'],
  ['protocol/agent', `import { a } from '../../model/a.ts';`, 'room protocol may not import room model (static)'],
  ['protocol', `import { a } from 'node:fs';`, 'room protocol may not import node:fs (static)'],
  ['protocol', `import { a } from '../lib/a.ts';`, 'room protocol may not import room lib (static)'],
  ['model/point', `import { a } from '../../protocol/a.ts';`, 'room model may not import room protocol (static)'],
  ['model', `import { a } from '../lib/a.ts';`, 'room model may not import room lib (static)'],
  ['model', `import { a } from 'zod';`, 'room model may not import zod (static)'],
  ['inspect', `import { open } from 'node:fs/promises';`, 'room inspect may not import node:fs/promises (static)'],
  ['agent/core', `import { a } from '../../host/a.ts';`, 'room agent/core may not import room host (static)'],
  [
    'agent/core',
    `import { a } from '../platform/node/a.ts';`,
    'room agent/core may not import room agent/platform/node (static)',
  ],
  ['agent/core/commands', `const a = () => import('node:fs');`, 'room agent/core may not import node:fs (dynamic)'],
  ['agent/platform/node', `import 'esbuild';`, 'room agent/platform/node may not import esbuild (static)'],
  ['agent/platform/native', `import { a } from 'node:fs';`, 'room agent/platform/native may not import node:fs (static)'],
  [
    'agent/platform/native',
    `export * from '../node/a.ts';`,
    'room agent/platform/native may not import room agent/platform/node (static)',
  ],
  ['host/window', `import { a } from '../../agent/core/a.ts';`, 'room host may not import room agent/core (static)'],
  ['host/window', `const a = await import('../../repository/a.ts');`, 'room host may not import room repository (dynamic)'],
  ['host', `import { a } from '@temporalio/common';`, 'room host may not import @temporalio/common (static)'],
  ['host', `await import('@temporalio/client');`, 'room host may not import @temporalio/client (dynamic)'],
  [
    'host',
    `const a = (path: string) => import(path);`,
    'room host may not import a computed path; write it as a literal (dynamic)',
  ],
  ['host', 'const a = (x: string) => import(`../cli/${x}.ts`);', 'room host may not import room cli (dynamic)'],
  ['host', `const a = new URL('../workers/a.ts', import.meta.url);`, 'room host may not import room workers (path)'],
  ['host', `fork(join(import.meta.dirname, '../cli/a.ts'));`, 'room host may not import room cli (path)'],
  ['repository', `import { a } from '../host/a.ts';`, 'room repository may not import room host (static)'],
  ['backup', `import { a } from '../activities/a.ts';`, 'room backup may not import room activities (static)'],
  ['activities', `import type { A } from '../workflows/a.ts';`, 'room activities may not import room workflows (type)'],
  ['activities', `import { a } from '@temporalio/worker';`, 'room activities may not import @temporalio/worker (static)'],
  ['workflows', `import { a } from '../activities/a.ts';`, 'room workflows may import room activities by type only (static)'],
  [
    'workflows',
    `import { type A } from '../activities/a.ts';`,
    'room workflows may import room activities by type only (static)',
  ],
  ['workflows', `await import('../activities/a.ts');`, 'room workflows may import room activities by type only (dynamic)'],
  ['workflows', `import type { A } from '../host/a.ts';`, 'room workflows may not import room host (type)'],
  ['workflows', `type A = import('../host/a.ts').A;`, 'room workflows may not import room host (type)'],
  ['workflows', `import { a } from 'node:crypto';`, 'room workflows may not import node:crypto (static)'],
  ['workflows', `import { a } from '@temporalio/client';`, 'room workflows may not import @temporalio/client (static)'],
  ['client', `import type { A } from '../cli/a.ts';`, 'room client may not import room cli (type)'],
  ['client', `const a = await import('../repository/a.ts');`, 'room client may not import room repository (dynamic)'],
  ['config', `import { a } from '../repository/a.ts';`, 'room config may not import room repository (static)'],
  ['workers/host', `import { a } from '../../cli/a.ts';`, 'room workers may not import room cli (static)'],
  ['workers', `import { a } from 'zod';`, 'room workers may not import zod (static)'],
  ['cli/commands', `import { a } from '../../host/a.ts';`, 'room cli may not import room host (static)'],
  [
    'cli/commands',
    `await import('../../workers/up.ts');`,
    'room cli may start files of room workers by path, and not import them (dynamic)',
  ],
  ['cli', `import { a } from 'yaml';`, 'room cli may not import yaml (static)'],
  ['cli', `export { a } from '../infra/a.ts';`, 'room cli may not import room infra (static)'],
  ['cli', `export type { A } from '../infra/a.ts';`, 'room cli may not import room infra (type)'],
  ['infra/lab', `import { a } from '../../workers/a.ts';`, 'room infra may not import room workers (static)'],
  ['infra/lab', `import { a } from '../../agent/core/a.ts';`, 'room infra may not import room agent/core (static)'],
  ['demo', `import { a } from '../test/a.ts';`, 'room demo may not import room test (static)'],
  [
    'attic',
    `import { a } from '../lib/a.ts';`,
    'this file is in no room of test/arrows/rooms.ts, so it may import nothing (static)',
  ],
  [
    'lib',
    `import { a } from '../attic/a.ts';`,
    'room lib may not import attic/a.ts, which is in no room of test/arrows/rooms.ts (static)',
  ],
];

const accepted: [folder: string, statement: string][] = [
  ['agent/core/commands', `import { a } from '../../../protocol/json.ts';`],
  ['agent/core/commands', `const a = () => import('./a.ts');`],
  ['agent/platform/node', `import { a } from 'node:fs';`],
  ['agent/platform/native', `import { a } from '../../core/a.ts';`],
  ['host/window', `import { a } from '../../protocol/agent/a.ts';`],
  ['host', `const text = "import { a } from '../cli/a.ts'"; // import { a } from '../cli/a.ts';`],
  ['activities', `import { a } from '../host/a.ts';`],
  ['workflows', `import type { A } from '../activities/a.ts';`],
  ['config', `import { a } from 'zod';`],
  ['workers', `import { a } from '../infra/temporal/a.ts';`],
  ['workers', `const a = new URL('./host.ts', import.meta.url);`],
  ['infra/lab', `import { a } from '../agent/a.ts';`],
  ['infra', `const a = new URL('../package.json', import.meta.url);`],
  ['cli/commands', `import { a } from '../../config/host-file.ts';`],
  ['cli', 'const a = (x: string) => new URL(`../workers/${x}.ts`, import.meta.url);'],
  ['cli', 'const a = (url: URL) => import(url.href);'],
  ['test/host', `const a = await import('../../agent/platform/native/a.ts');`],
];

describe('the check of the arrows', () => {
  let folder: string;
  let refusals: string[];
  const fileOf = (at: string, cases: readonly unknown[], one: unknown) =>
    `${at}/${cases === refused ? 'no' : 'yes'}-${cases.indexOf(one)}.ts`;
  before(async () => {
    folder = await makeFolder();
    for (const cases of [refused, accepted])
      for (const one of cases) {
        const path = join(folder, fileOf(one[0], cases, one));
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, `/** A file. */\n\n${one[1]}\n`);
      }
    await writeFile(
      join(folder, 'cli/stillframe.mjs'),
      `import { launch } from '../infra/bootstrap.mjs';\nimport '../host/a.ts';\n`,
    );
    refusals = refusalsOf(readImports(folder));
  });
  after(() => rm(folder, { recursive: true }));

  const saidOf = (file: string) => refusals.filter((each) => each.startsWith(`${file}:`));

  for (const one of refused)
    it(`the check refuses in ${one[0]}: ${one[1]}`, () => {
      const file = fileOf(one[0], refused, one);
      assert.deepEqual(saidOf(file), [`${file}:3: ${one[2]}`]);
    });
  for (const one of accepted)
    it(`the check accepts in ${one[0]}: ${one[1]}`, () => assert.deepEqual(saidOf(fileOf(one[0], accepted, one)), []));
  it('the check lets the command itself reach the pinned Node and nothing else', () => {
    assert.deepEqual(saidOf('cli/stillframe.mjs'), [
      'cli/stillframe.mjs:2: room cli/stillframe.mjs may not import room host (static)',
    ]);
  });
});

describe('the search for circles', () => {
  let folder: string;
  beforeEach(async () => (folder = await makeFolder()));
  afterEach(() => rm(folder, { recursive: true }));

  async function circles(files: Record<string, string>): Promise<string[]> {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    return circlesOf(readImports(folder));
  }

  it('the search for circles lists a circle of two files once', async () => {
    assert.deepEqual(await circles({ 'b.ts': `import './a.ts';`, 'a.ts': `import './b.ts';` }), ['a.ts -> b.ts -> a.ts']);
  });
  it('the search for circles lists a file that imports itself', async () => {
    assert.deepEqual(await circles({ 'a.ts': `import * as a from './a.ts';` }), ['a.ts -> a.ts']);
  });
  it('the search for circles follows imports of types and import() alike', async () => {
    const files = {
      'a.ts': `import type { B } from './b.ts';`,
      'b.ts': `await import('./c.ts');`,
      'c.ts': `export * from './a.ts';`,
    };
    assert.deepEqual(await circles(files), ['a.ts -> b.ts -> c.ts -> a.ts']);
  });
  it('the search for circles lists two circles that share a file', async () => {
    const files = { 'a.ts': `import './b.ts'; import './c.ts';`, 'b.ts': `import './a.ts';`, 'c.ts': `import './a.ts';` };
    assert.deepEqual(await circles(files), ['a.ts -> b.ts -> a.ts', 'a.ts -> c.ts -> a.ts']);
  });
  it('the search for circles finds none where two ways lead to one file, or where a file starts one that imports it', async () => {
    const files = {
      'a.ts': `import './b.ts'; import './c.ts';`,
      'b.ts': `import './c.ts';`,
      'c.ts': `new URL('./a.ts', import.meta.url);`,
    };
    assert.deepEqual(await circles(files), []);
  });
});

describe('the rooms of this repository', () => {
  it('the rooms import only what their table allows', () => assert.deepEqual(refusalsOf(readImports(root)), []));

  it('the rooms hold no files that import one another in a circle', () => assert.deepEqual(circlesOf(readImports(root)), []));

  it('the rooms stand in an order in which every arrow points down', () => {
    const upward = roomNames.flatMap((name, place) =>
      [...importsOf(name), ...(rooms[name].types ?? []), ...(rooms[name].starts ?? [])]
        .filter((other) => roomNames.indexOf(other) <= place)
        .map((other) => `${name} -> ${other}`),
    );
    assert.deepEqual(upward, []);
  });

  it('the rooms are pictured in CONTRIBUTING.md as their table has them', async () => {
    const document = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8');
    assert.equal(document, withPicture(document), 'CONTRIBUTING.md differs from test/arrows/rooms.ts: run "npm run picture"');
  });
});
