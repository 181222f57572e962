/** Finds a program without running it. */

import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Where execvp(3) would find it, then in `places`; a name with a slash is a path itself. Undefined when it is nowhere. */
export async function findProgram(name: string, places: readonly string[] = []): Promise<string | undefined> {
  if (name.includes('/')) return (await isProgram(name)) ? name : undefined;
  for (const directory of [...(process.env.PATH ?? '').split(delimiter), ...places]) {
    const path = join(directory, name);
    if (directory !== '' && (await isProgram(path))) return path;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
