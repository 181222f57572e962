/** Doctor: Node, the tool that copies run, the clocks. */

import { hostBootId } from '../../lib/clock.ts';
import { run } from '../../lib/run.ts';
import type { Finding } from '../../model/doctor.ts';
import { messageOf } from '../../model/errors.ts';
import { fail, ok, warn } from './finding.ts';

/** The first line of Node that runs TypeScript as it is and that the SDK says it supports. */
const leastNode = 24;

export function checkNode(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= leastNode) return ok('node', process.version);
  return fail(
    'node',
    `${process.version} is older than ${leastNode}`,
    `run Stillframe with Node ${leastNode}: "npm ci" in its directory brings one`,
  );
}

/** Copies read the point in time with it. */
export async function checkQemuImg(): Promise<Finding> {
  try {
    const [version = ''] = (await run(['qemu-img', '--version'])).split('\n');
    return ok('tools', version);
  } catch {
    return fail('tools', 'qemu-img does not run, and copies need it', 'apt-get install qemu-utils');
  }
}

/** Leases and the journal compare monotonic times within one boot, so the boot must have a name. */
export function checkBoot(): Finding {
  try {
    return ok('clock', `boot ${hostBootId()}`);
  } catch (error) {
    return fail('clock', `the id of this boot cannot be read: ${messageOf(error)}`, 'mount /proc');
  }
}

/** Only the times that people read come from the wall clock; a wrong one puts points in time at the wrong hour. */
export async function checkTime(): Promise<Finding> {
  try {
    const answer = (await run(['timedatectl', 'show', '--property=NTPSynchronized', '--value'])).trim();
    if (answer === 'yes') return ok('clock', 'the wall clock is synchronised');
    return warn('clock', 'the wall clock is not synchronised', 'timedatectl set-ntp true, or run chrony');
  } catch {
    return ok('clock', 'whether the wall clock is synchronised is not known here (no timedatectl)');
  }
}
