/** Every command with arguments of every kind: one reply each, never an unexpected error, and the agent continues. */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, it, suite } from 'node:test';
import fc from 'fast-check';
import { JsonFloat, type Json } from '../../../../protocol/json.ts';
import type { Command } from '../../../../agent/core/command.ts';
import { createStage, type Stage } from './stage.ts';
import { makeFolder } from '../../../support/folder.ts';

/** Nothing here may be overwritten or run: places that exist are left out. */
const texts = [
  '',
  '\0',
  '/missing/file',
  '/missing/\0',
  'r',
  'w+',
  'set',
  'halt',
  'aGk=',
  'aGk',
  '=',
  'merged',
  '\ud83d\ude00',
  'x'.repeat(100_000),
];

const numbers = [
  0,
  1,
  -1,
  2,
  1000,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53 - 1,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 63n,
  2n ** 64n,
  10n ** 30n,
];

const values: Json[] = [
  ...texts,
  ...numbers,
  null,
  true,
  false,
  new JsonFloat(1),
  new JsonFloat(1e300),
  [],
  {},
  ['a', 5],
  ['', '\0'],
  [[]],
  { a: { b: [] } },
];

suite('every command', () => {
  // A relative path that a file is made under leads here.
  const home = process.cwd();
  let directory: string;
  before(async () => {
    directory = await makeFolder();
    process.chdir(directory);
  });
  after(async () => {
    process.chdir(home);
    await rm(directory, { recursive: true });
  });

  it('every command answers every argument once, and never with an unexpected error', async (t) => {
    const stage = createStage(t);
    const taken = await takenBy(stage);
    const names = [...taken.keys()];
    for (const name of names) {
      const parameters = Object.keys(taken.get(name)!);
      for (const parameter of [...parameters, 'unknown']) {
        for (const value of values) await assertAnswered(name, { [parameter]: value });
      }
    }
    const request = fc.constantFrom(...names).chain((name) => {
      const parameters = Object.keys(taken.get(name)!);
      const args = fc.record(Object.fromEntries([...parameters, 'x'].map((key) => [key, fc.constantFrom(...values)])), {
        requiredKeys: [],
      });
      return fc.tuple(fc.constant(name), args);
    });
    await fc.assert(
      fc.asyncProperty(request, ([name, args]) => assertAnswered(name, args as Record<string, Json>)),
      { numRuns: 2000 },
    );

    async function assertAnswered(name: string, args: Record<string, Json>): Promise<void> {
      const line = await stage.wire(name, args);
      assert.match(
        line,
        /^\xff?\{"(return": .*|error": \{"class": "GenericError", "desc": "[^"].*"\})\}\n$/,
        `${name} ${line.slice(0, 200)}`,
      );
      assert.deepEqual(stage.errors, []);
    }
  });

  it('every command refuses unknown arguments, after it has reported wrong ones', async (t) => {
    const stage = createStage(t);
    for (const [name, takes] of await takenBy(stage)) {
      const required = Object.entries(takes).find(([, { optional }]) => !optional)?.[0];
      const expected = required === undefined ? "Parameter 'unknown' is unexpected" : `Parameter '${required}' is missing`;
      assert.equal(await stage.refusal(name, { unknown: 1 }), expected, name);
    }
  });
});

async function takenBy({ agent }: Stage): Promise<Map<string, Command['takes']>> {
  const commands = [...agent.commands].map(async ([name, entry]) => [name, (await entry.load()).takes] as const);
  return new Map(await Promise.all(commands));
}
