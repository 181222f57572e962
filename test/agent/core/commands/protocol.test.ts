/** guest-info and the syncs: the commands about the conversation itself. */

import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import { info } from '../../../../protocol/agent/commands/guest-info.ts';
import { createStage } from './stage.ts';

suite('guest-info', () => {
  it('guest-info lists every command, the last of the schema first, and which have no reply', async (t) => {
    const stage = createStage(t);
    const { version, commands } = await stage.ask(info, undefined);
    assert.equal(version, '11.1.3');
    assert.deepEqual(commands.map(({ name }) => name).toReversed(), [...stage.agent.commands.keys()]);
    const line = await stage.wire('guest-info');
    assert.match(line, /\{"name": "guest-shutdown", "enabled": true, "success-response": false\}/);
    assert.equal(line.split('"success-response": false').length, 2);
    // Nothing here can freeze.
    assert.ok(!line.includes('freeze'));
  });
});

suite('guest-sync', () => {
  it('guest-sync returns every whole number of 64 bits, and the delimiter where it belongs', async (t) => {
    const stage = createStage(t);
    for (const id of [0, -1, 2 ** 31, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      assert.equal(await stage.wire('guest-sync', { id }), `{"return": ${id}}\n`);
      assert.equal(await stage.wire('guest-sync-delimited', { id }), `\xff{"return": ${id}}\n`);
    }
    for (const id of [2n ** 63n, '5', null, true, [], {}])
      assert.equal(await stage.refusal('guest-sync', { id }), "Invalid parameter type for 'id', expected: integer");
  });
});
