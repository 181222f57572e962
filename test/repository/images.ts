/** Real images for tests: made by the programs that make them everywhere, in a folder that goes away with the test. */

import { open } from 'node:fs/promises';
import { delimiter } from 'node:path';

import { aptGet, ensurePackages } from '../../infra/lab/packages.ts';
import { run } from '../../lib/run.ts';

export const MiB = 1024 * 1024;
// mkfs and sfdisk live in /usr/sbin, which an ordinary user's PATH leaves out.
const env = { ...process.env, PATH: `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin` };

/** Installs what is missing of the programs below. */
export async function ensureTools(): Promise<void> {
  await ensurePackages();
  await run(['sfdisk', '--version'], { env }).catch(() => aptGet(['install', '-y', '--no-install-recommends', 'fdisk']));
}

/** Runs a program to its end and gives what it printed. */
export function tool(...argv: string[]): Promise<string> {
  return run(argv, { env });
}

/** A file of `bytes` zeros, all hole. */
export async function blank(path: string, bytes: number): Promise<string> {
  await using file = await open(path, 'w');
  await file.truncate(bytes);
  return path;
}

export async function write(path: string, offset: number, bytes: Buffer | string): Promise<void> {
  await using file = await open(path, 'r+');
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  await file.write(buffer, 0, buffer.length, offset);
}

export async function read(path: string, offset: number, length: number): Promise<Buffer> {
  await using file = await open(path, 'r');
  return (await file.read(Buffer.alloc(length), 0, length, offset)).buffer;
}

/** `table` in sfdisk's own language. */
export async function partition(path: string, table: string): Promise<void> {
  await run(['sfdisk', '-q', path], { env, input: table });
}

/** Lays the image `part` into `path` at `offset`, holes left out. */
export async function lay(part: string, path: string, offset: number): Promise<void> {
  await tool('dd', `if=${part}`, `of=${path}`, 'bs=1M', `seek=${offset / MiB}`, 'conv=notrunc,sparse', 'status=none');
}

export function u32be(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}
