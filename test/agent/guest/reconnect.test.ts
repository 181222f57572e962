/** A host that reconnects and asks in one breath gets its answer, however its client and its bytes reach the guest. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { it } from 'node:test';
import { stage } from './stage.ts';

it('a hundred clients, each asking for a freeze or a thaw as soon as it is there', async () => {
  await using on = await stage();
  // A guest with work to do hears of clients and of their bytes at different times.
  await on.run('for each in 1 2 3; do (while :; do :; done) >/dev/null 2>&1 & done');
  for (let round = 0; round < 50; round++) {
    assert.equal(await askAtOnce(on.guest.ownChannel, '{"execute":"guest-fsfreeze-freeze"}\n'), '{"return": 2}');
    assert.equal(await askAtOnce(on.guest.ownChannel, '{"execute":"guest-fsfreeze-thaw"}\n'), '{"return": 2}');
  }
});

/** The first line that comes. */
async function askAtOnce(path: string, request: string): Promise<string> {
  const client = createConnection(path);
  client.setEncoding('latin1').write(request);
  let said = '';
  for await (const piece of client) {
    said += piece as string;
    if (said.includes('\n')) break;
  }
  if (!client.destroyed) client.destroy();
  if (!client.closed) await once(client, 'close');
  return said.trimEnd();
}
