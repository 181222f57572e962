/** The warden as a process: its state directory is its own, everything else is the worker's. */

import { parseArgs } from 'node:util';
import { messageOf } from '../model/errors.ts';
import { defaults } from '../lib/defaults.ts';
import { errnoOf } from '../lib/errno.ts';
import { logLine } from '../lib/log.ts';
import { exitConfiguration, runWarden } from './warden/warden.ts';
import { beginProcess } from '../lib/begin-process.ts';
import { takeDirectory } from '../lib/strict-modes.ts';

beginProcess();

const args = process.argv.slice(2);
const { values } = parseArgs({ args, strict: false, options: { state: { type: 'string' } } });
try {
  const stateDir = String(values.state ?? defaults.stateDir);
  // The journal in it says whom to thaw, and its socket is the operator's.
  await takeDirectory(stateDir);
  process.exitCode = await runWarden({ stateDir, args });
} catch (error) {
  const place = errnoOf(error) === 'EACCES' ? ': run as the user whose state directory it is, or name another with --state' : '';
  logLine('warden')('error', `${messageOf(error)}${place}`);
  process.exitCode = exitConfiguration;
}
process.exit();
