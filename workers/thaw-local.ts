/** `stillframe thaw --local`: asks the warden, and acts from the journal alone when nobody answers. Prints one JSON line a guest. */

import { parseArgs } from 'node:util';
import { openJournal } from '../host/journal/journal.ts';
import { defaults } from '../lib/defaults.ts';
import { logLine } from '../lib/log.ts';
import type { PursuedObligation } from '../model/window/window.ts';
import { messageOf } from '../model/errors.ts';
import { createObligations } from './warden/pursue-obligations.ts';
import { askWarden } from './warden/thaw-socket.ts';
import { beginProcess } from '../lib/begin-process.ts';

beginProcess();

/** An operator waits this long for one guest; then it is reported as not confirmed. */
const waitMs = 15_000;

const { values } = parseArgs({ options: { state: { type: 'string' } } });
const stateDir = values.state ?? defaults.stateDir;
const pursued = (await askWarden(stateDir)) ?? (await thawAlone().catch(giveUp));
for (const obligation of pursued) process.stdout.write(`${JSON.stringify(obligation)}\n`);
process.exit(pursued.some((each) => each.outcome === null) ? 1 : 0);

function giveUp(error: unknown): never {
  process.stderr.write(
    `stillframe: what this host owes its guests cannot be read in ${stateDir} (${messageOf(error)}): run this as the user that runs the host worker, or name its directory with --state\n`,
  );
  process.exit(1);
}

async function thawAlone(): Promise<PursuedObligation[]> {
  const obligations = createObligations(openJournal({ stateDir }), logLine('thaw'));
  return obligations.pursue(() => true, 'operator', waitMs);
}
