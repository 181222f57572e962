/**
 * Acts in scratch as the user that it belongs to, which is the user that QEMU runs as. That user can put links and other files there at
 * any time; tools that have no more rights than it cannot be led by them to anything that it could not reach itself.
 */

import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { asUser, run, type User } from '../../../lib/run.ts';
import { demandOwn, demandOwnWay } from '../../../lib/strict-modes.ts';
import type { ScratchConfig } from '../../config.ts';

/** Runs a tool as the owner of scratch; as this process's own user where that is not root. @throws ProgramError */
export async function runAsOwner({ path }: ScratchConfig, argv: readonly string[]): Promise<void> {
  const owner = await lesserOwner(path);
  await run(owner ? [...asUser(owner), ...argv] : argv);
}

/** The owner of scratch where this process is root and the owner is not: only root can act as another user. */
async function lesserOwner(path: string): Promise<User | null> {
  const { uid, gid } = await stat(path);
  return process.getuid?.() === 0 && uid !== 0 ? { uid, gid } : null;
}

/**
 * Who owns scratch decides as whom the tools act, so nobody else may put another directory in its place. Where it is this process's own,
 * the tools have all of its rights, and nobody else may write there either. @throws WritableByOthersError, and the kernel's errors
 */
export async function demandScratch({ path }: Pick<ScratchConfig, 'path'>): Promise<void> {
  const place = await demandOwnWay(path);
  const isOwn = [0, process.getuid?.()].includes((await stat(place)).uid);
  if (isOwn) await demandOwn(place);
}

/** open(2), the same on every architecture that we run on; Node does not name it. */
const O_PATH = 0o10000000;

export interface PinnedSocket {
  /** Leads to this very socket, whatever stands at its path by now (proc(5), /proc/pid/fd). */
  descriptor: number;
  /** Who can connect to it; null: this process. */
  reader: User | null;
  close(): Promise<void>;
}

/** @throws Error with a sentence when no socket of the owner of scratch, or of root, is at `path` */
export async function pinSocket({ path: scratch }: ScratchConfig, path: string): Promise<PinnedSocket> {
  // The owner of scratch can put a link in the place of the directory too.
  await using directory = await open(dirname(path), O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  const file = await open(`/proc/self/fd/${directory.fd}/${basename(path)}`, O_PATH | constants.O_NOFOLLOW);
  try {
    const { uid: owner } = await stat(scratch);
    const found = await file.stat();
    if (!found.isSocket()) throw new Error(`${path} is not a socket`);
    if (found.uid !== owner && found.uid !== 0)
      throw new Error(`${path} belongs to user ${found.uid}, and scratch to user ${owner}`);
    return { descriptor: file.fd, reader: found.uid === 0 ? null : await lesserOwner(scratch), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
