/** `stillframe doctor`: runs every check and prints one JSON line for each finding as it is made. Status 1 when any fails. */

import { parseArgs } from 'node:util';
import { serverOptions } from '../client/settings.ts';
import type { HostConfig } from '../host/config.ts';
import { defaults } from '../lib/defaults.ts';
import type { Finding } from '../model/doctor.ts';
import { messageOf } from '../model/errors.ts';
import { readHostConfig } from '../config/host-file.ts';
import { fail, ok } from './doctor/finding.ts';
import { checkFreezes } from './doctor/freezes.ts';
import { checkJournal } from './doctor/journal.ts';
import { checkBoot, checkNode, checkQemuImg, checkTime } from './doctor/machine.ts';
import { checkRepositories, checkScratch } from './doctor/room.ts';
import { checkSockets } from './doctor/sockets.ts';
import { checkTemporal } from './doctor/temporal.ts';
import { beginProcess } from '../lib/begin-process.ts';

beginProcess();

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: defaults.config },
    state: { type: 'string', default: defaults.stateDir },
    ...serverOptions,
  },
});
const { config, finding } = await checkConfig(values.config);

report(checkNode(), await checkQemuImg());
report(...(await checkTemporal(values)));
report(finding);
if (config) report(...(await checkSockets(config)));
report(...(await checkJournal(values.state)), ...(await checkFreezes(values.state)));
report(checkBoot(), await checkTime());
if (config) report(await checkScratch(config.scratch, values.state), ...(await checkRepositories(config.repositories)));

function report(...findings: Finding[]): void {
  for (const each of findings) {
    process.stdout.write(`${JSON.stringify(each)}\n`);
    if (each.result === 'fail') process.exitCode = 1;
  }
}

async function checkConfig(path: string): Promise<{ config: HostConfig | undefined; finding: Finding }> {
  try {
    const config = await readHostConfig(path);
    const repositories = Object.keys(config.repositories).join(', ') || 'no repository';
    return { config, finding: ok("host's file", `${path}: host ${config.host}, repositories: ${repositories}`) };
  } catch (error) {
    return { config: undefined, finding: fail("host's file", messageOf(error), 'fix it: docs/030-hosts-file.md') };
  }
}
