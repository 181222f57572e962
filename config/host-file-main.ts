/** Reads a host's file for a host worker and prints it as JSON, or the error that it has. Argument: the path. */

import { isStillframeError } from '../model/errors.ts';
import { readHostConfig } from './host-file.ts';

try {
  process.stdout.write(JSON.stringify({ config: await readHostConfig(process.argv[2]!) }));
} catch (error) {
  if (!isStillframeError(error)) throw error;
  const { code, message, facts } = error;
  process.stdout.write(JSON.stringify({ error: { code, message, facts } }));
}
