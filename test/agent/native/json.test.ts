/** What the C layer reads the short way is read as our parser in TypeScript would. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { text } from '../../protocol/canonical-texts.ts';
import { startAgent } from './agent-process.ts';
import { endsWell, forEachBinary } from './binaries.ts';

forEachBinary((binary) => {
  it('a message, and the same message behind a space, get the same reply', async (t) => {
    const agent = await startAgent(t, await binary());
    const client = await agent.connect();
    // A line that does not begin with a brace takes the slow parser. The sync shows where the replies end; a control character ends any message.
    const answers = async (before: string, any: string) => {
      client.send(`${before}{"execute":"guest-sync","id":${any},"arguments":{"id":${any}}}\n`);
      client.send('\x01{"execute":"guest-sync","arguments":{"id":4}}');
      const lines: string[] = [];
      for (let line = ''; line !== '{"return": 4}'; lines.push(line)) line = await client.line();
      return lines;
    };
    await fc.assert(
      fc.asyncProperty(text, async (any) => assert.deepEqual(await answers('', any), await answers(' ', any))),
      { numRuns: 2_000, examples: [['['.repeat(40) + ']'.repeat(40)], [`{${keys(20)},"k0":1}`]] },
    );
    await endsWell(agent);
  });
});

const keys = (count: number) => Array.from({ length: count }, (_, index) => `"k${index}":1`).join(',');
