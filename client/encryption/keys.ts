/** The key file: one key a line, `ID KEY`, KEY being 32 bytes in base64. The first key encrypts, and all of them decrypt. */

import { open, stat, type FileHandle } from 'node:fs/promises';
import { demandOwn } from '../../lib/strict-modes.ts';
import { messageOf, StillframeError } from '../../model/errors.ts';
import { idPattern } from '../../model/ids.ts';

export interface Key {
  id: string;
  key: Buffer;
}

/** Reads the file again whenever it has changed, so that keys rotate without a restart. */
export interface Keys {
  first(): Promise<Key>;
  /** @throws payload-key-unknown */
  byId(id: string): Promise<Buffer>;
}

const keyBytes = 32;

/** @throws connection-invalid */
export async function openKeys(path: string): Promise<Keys> {
  let read = await readKeys(path);
  let problem = '';

  /** A file that cannot be used while it is being replaced changes nothing: the keys from before still stand. */
  async function current(): Promise<Key[]> {
    try {
      if (versionOf(await stat(path, { bigint: true })) !== read.version) read = await readKeys(path);
      problem = '';
    } catch (error) {
      problem = ` (${messageOf(error)})`;
    }
    return read.keys;
  }

  return {
    first: async () => (await current())[0]!,
    async byId(id) {
      const found = (await current()).find((each) => each.id === id);
      if (found) return found.key;
      throw new StillframeError(
        'payload-key-unknown',
        `a payload is encrypted with the key ${JSON.stringify(id)}, which is not in ${path}${problem}: add this key to the file`,
        { key: id, file: path },
      );
    },
  };
}

async function readKeys(path: string): Promise<{ keys: Key[]; version: string }> {
  let file: FileHandle | undefined;
  try {
    await demandOwn(path);
    file = await open(path);
    const stats = await file.stat({ bigint: true });
    // The group and others: with these keys anybody reads every history.
    if (stats.mode & 0o077n) throw invalid(path, `may be used by others than its owner: chmod 600 ${path}`);
    return { keys: parseKeys(path, await file.readFile('utf8')), version: versionOf(stats) };
  } catch (error) {
    if (error instanceof StillframeError) throw error;
    throw invalid(path, `cannot be read (${messageOf(error)}): make one with "openssl rand -base64 32", as ID KEY`);
  } finally {
    await file?.close();
  }
}

function parseKeys(path: string, text: string): Key[] {
  const keys = text.split('\n').flatMap((line, index): Key[] => {
    if (/^\s*(#|$)/.test(line)) return [];
    const [id = '', base64 = '', ...rest] = line.trim().split(/\s+/);
    const key = Buffer.from(base64, 'base64');
    // The line is not shown: it has a key.
    if (!idPattern.test(id) || rest.length > 0 || key.length !== keyBytes || key.toString('base64') !== base64)
      throw invalid(path, `has no key on line ${index + 1}: write ID KEY, the key as "openssl rand -base64 32" prints it`);
    return [{ id, key }];
  });
  const [first] = keys;
  if (!first) throw invalid(path, 'has no key: write ID KEY, the key as "openssl rand -base64 32" prints it');
  const twice = keys.find(({ id }, index) => keys.findIndex((each) => each.id === id) < index);
  if (twice) throw invalid(path, `has two keys with the id ${twice.id}: give each an id of its own`);
  return keys;
}

function versionOf({ ino, mtimeNs, size }: { ino: bigint; mtimeNs: bigint; size: bigint }): string {
  return `${ino} ${mtimeNs} ${size}`;
}

function invalid(path: string, problem: string): StillframeError {
  return new StillframeError('connection-invalid', `the key file ${path} ${problem}`, { file: path });
}
