/** A second `up`, another user's and with the same host's file, beside a site whose guest is backed up. */

import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSite, type Site } from '../../demo/site.ts';
import { freePort } from '../../infra/temporal/free-port.ts';
import type { GuestListing } from '../../model/guest/listing.ts';
import { makeTemporary, startEntry, stranger } from '../workers/up-process.ts';
import { command } from './operator.ts';

const undo = new AsyncDisposableStack();
let site: Site;
let port: number;

before(async () => {
  port = await freePort();
  site = await startSite(await makeTemporary(undo), { port });
  undo.defer(() => site.stop());
});
after(() => undo.disposeAsync());

async function listed(): Promise<GuestListing[]> {
  return JSON.parse((await command(site, 'guest', 'list', '--json')).stdout) as GuestListing[];
}

for (const given of [false, true]) {
  const title = given ? 'that is given the same server' : 'on the same port';
  test(`a second up of another user ${title} disturbs no backup, and the guest stays usable`, async () => {
    await site.whole();
    const user = await stranger(undo);
    const config = join(user.directory, 'host.yaml');
    await copyFile(site.config, config);
    const args = ['--config', config, '--state', join(user.directory, 'state'), '--port', String(port)];
    const { address } = await site.processes();
    const second = startEntry(undo, 'up.ts', args, { user, env: given ? { TEMPORAL_ADDRESS: address } : {} });
    let ended = false;
    void second.ended.then(() => (ended = true));
    do {
      const taken = await command(site, 'backup', 'run', 'db1');
      assert.equal(taken.status, 0, taken.stderr);
    } while (!ended);
    const { status, stdout, stderr } = await second.ended;
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, given ? /host id lab is served by process \d+ of user/ : /port \d+ on this machine is taken/);
    assert.deepEqual(
      (await listed()).map(({ id, state, problem }) => [id, state, problem]),
      [[site.guest.uuid, 'running', null]],
    );
    const next = await command(site, 'backup', 'run', 'db1');
    assert.equal(next.status, 0, next.stderr);
  });
}
