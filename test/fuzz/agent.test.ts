import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, suite, test, type TestContext } from 'node:test';
import { buildAgent } from '../../infra/agent/build.ts';
import { longestBuild } from '../agent/native/binaries.ts';
import { compareAgents } from './compare.ts';
import { fuzz } from './fuzz.ts';
import { librariesHere } from './sandbox.ts';
import { stockProgram } from './stock.ts';
import { temporaryFolder } from '../support/folder.ts';

/** Seconds on an idle machine; `npm run fuzz -- agent` continues from there. */
const messages = 6_000;

/** Always the same, so that a red test is the change's doing; `npm run fuzz` looks further. */
const seed = 20_261_124;
const comparisons = 3_000;

async function temporary(t: TestContext): Promise<string> {
  const directory = await temporaryFolder(t);
  return directory;
}

async function withSanitizers() {
  const path = await buildAgent({ sanitize: true });
  return { path, libraries: await librariesHere(path) };
}

suite('the agent under hostile messages', () => {
  before(async () => void (await withSanitizers()), longestBuild);

  test('the agent answers all hostile messages, in JSON and in order, without a report of the sanitizers', async (t) => {
    const directory = await temporary(t);
    t.diagnostic(`seed ${seed}`);
    const options = { directory: join(directory, 'agent'), findings: 'dist/fuzz', seed, messages, untilMs: Infinity };
    const result = await fuzz({ ...options, program: await withSanitizers(), signal: t.signal });
    assert.equal(result.finding, undefined);
    assert.equal(result.messages, messages);
  });

  test('the agent gives the replies of stock qemu-ga, except for the listed differences', async (t) => {
    const directory = await temporary(t);
    t.diagnostic(`seed ${seed}`);
    const program = await withSanitizers();
    const peer = await stockProgram();
    const result = await compareAgents({ program, peer, directory, seed, messages: comparisons, signal: t.signal });
    assert.deepEqual(result.differences, []);
    assert.equal(result.compared, comparisons);
  });
});
