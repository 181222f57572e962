/** A second `up`, with the same host's file, beside a site whose guest is backed up. */

import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSite, type Site } from '../../demo/site.ts';
import type { GuestListing } from '../../model/guest/listing.ts';
import { makeTemporary, startEntry, stranger, withTemporal } from '../workers/up-process.ts';
import { command } from './operator.ts';

const undo = new AsyncDisposableStack();
let site: Site;

before(async () => {
  site = await startSite(await makeTemporary(undo));
  undo.defer(() => site.stop());
});
after(() => undo.disposeAsync());

async function listed(): Promise<GuestListing[]> {
  return JSON.parse((await command(site, 'guest', 'list', '--json')).stdout) as GuestListing[];
}

async function argumentsIn(directory: string): Promise<string[]> {
  const config = join(directory, 'host.yaml');
  await copyFile(site.config, config);
  return ['--config', config, '--state', join(directory, 'state')];
}

/** One backup after another until `event`, and one more. */
async function backUpUntil(event: Promise<unknown>): Promise<void> {
  let isPast = false;
  const past = event.then(() => (isPast = true));
  do {
    const taken = await command(site, 'backup', 'run', 'db1');
    assert.equal(taken.status, 0, taken.stderr);
  } while (!isPast);
  await past;
  assert.deepEqual(
    (await listed()).map(({ id, state, problem }) => [id, state, problem]),
    [[site.guest.uuid, 'running', null]],
  );
  const next = await command(site, 'backup', 'run', 'db1');
  assert.equal(next.status, 0, next.stderr);
}

test('a second up of another user, with a server of its own, disturbs no backup, and the guest stays usable', async () => {
  await site.whole();
  const user = await stranger(undo);
  const second = startEntry(undo, 'up.ts', await argumentsIn(user.directory), { user, env: await withTemporal(user) });
  await backUpUntil(second.printed('stillframe is up'));
  assert.equal((await second.stop()).status, 0);
});

test('a second up that is given the same server disturbs no backup, and the guest stays usable', async () => {
  await site.whole();
  const { address } = await site.processes();
  const args = await argumentsIn(await makeTemporary(undo));
  const second = startEntry(undo, 'up.ts', args, { env: { TEMPORAL_ADDRESS: address } });
  await backUpUntil(second.ended);
  const { status, stdout, stderr } = await second.ended;
  assert.equal(status, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /host id lab is served by process \d+ of user/);
});
