/** Removes everything whose name begins with one of our stems from a QEMU; objects that are gone already are fine. */

import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { StillframeError, isStillframeError } from '../../../model/errors.ts';
import { objectPrefix } from '../../../model/ids.ts';
import type { Monitor } from '../../channel/types.ts';
import { objects } from './identify.ts';

/** A job that is cancelled ends as soon as the request that it waits for; a hung disk may keep it. */
const endMs = 10_000;
const lookMs = 20;

/**
 * Exports first, then our server when it has no other exports, then jobs, then nodes.
 * @param socket of our NBD server where there is a record of it; without one the server counts as our server when it has one of our exports.
 */
export async function teardown(monitor: Monitor, stem: string, socket: string | undefined): Promise<void> {
  const ours = (name: unknown): name is string => typeof name === 'string' && (name === stem || name.startsWith(`${stem}.`));

  const exports = async () => objects(await monitor.execute('query-block-exports'));
  const mine = (await exports()).filter((each) => ours(each.id));
  for (const { id } of mine) await unlessGone(monitor.execute('block-export-del', { id: id!, mode: 'hard' }));
  await until(async () => !(await exports()).some((each) => ours(each.id)), 'one of our exports does not end');
  const serverIsOurs = socket === undefined ? mine.length > 0 : await answers(socket);
  if (serverIsOurs && (await exports()).length === 0) await unlessGone(monitor.execute('nbd-server-stop'));

  const jobs = async () => objects(await monitor.execute('query-jobs')).filter((each) => ours(each.id));
  for (const { id, status } of await jobs())
    if (status !== 'concluded') await unlessGone(monitor.execute('job-cancel', { id: id! }));
  await until(async () => {
    const left = await jobs();
    for (const { id, status } of left) if (status === 'concluded') await unlessGone(monitor.execute('job-dismiss', { id: id! }));
    return left.length === 0;
  }, 'one of our jobs does not end');

  const nodes = objects(await monitor.execute('query-named-block-nodes', { flat: true })).filter((each) =>
    ours(each['node-name']),
  );
  // An image holds its file: the image goes first, and takes the file along.
  for (const node of nodes.filter((each) => each.drv === 'qcow2'))
    await unlessGone(monitor.execute('blockdev-del', { 'node-name': node['node-name']! }));
  for (const node of nodes.filter((each) => each.drv !== 'qcow2'))
    await unlessGone(monitor.execute('blockdev-del', { 'node-name': node['node-name']! }));
}

/** Our objects of backups. Bitmaps are none of them: they last from one backup to the next. */
export async function ourNames(monitor: Monitor): Promise<string[]> {
  const jobs = objects(await monitor.execute('query-jobs')).map((each) => each.id);
  const nodes = objects(await monitor.execute('query-named-block-nodes', { flat: true })).map((each) => each['node-name']);
  const exports = objects(await monitor.execute('query-block-exports')).map((each) => each.id);
  return [...jobs, ...nodes, ...exports].filter(
    (name): name is string => typeof name === 'string' && name.startsWith(objectPrefix),
  );
}

async function unlessGone(command: Promise<unknown>): Promise<void> {
  try {
    await command;
  } catch (error) {
    if (!isStillframeError(error, 'monitor-refused')) throw error;
  }
}

async function until(done: () => Promise<boolean>, complaint: string): Promise<void> {
  for (let waitedMs = 0; !(await done()); waitedMs += lookMs) {
    if (waitedMs > endMs) throw new StillframeError('release-unfinished', `${complaint} within ${endMs / 1000} s; trying again`);
    await delay(lookMs);
  }
}

/** QEMU cannot be asked where its NBD server listens; a socket that an earlier QEMU left refuses. */
function answers(socket: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const connection = createConnection(socket);
  connection.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => connection.destroy());
}
