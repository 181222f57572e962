/** Time by Node. Its clock stops while the machine sleeps, which the binary's does not; and it never sets the machine's clock. */

import { EPERM } from '../../core/errno.ts';
import type { Clock } from '../../core/platform.ts';
import { systemError } from './system-error.ts';

/** setTimeout takes no more than 32 bits, and fires at once for what is longer. */
const longestMs = 2 ** 31 - 1;

export const clock: Clock = {
  bootMs: () => Number(process.hrtime.bigint()) / 1e6,
  realNs: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n,
  setRealNs() {
    throw systemError(EPERM);
  },
  after(ms, run) {
    let timer: NodeJS.Timeout;
    const wait = (left: number) => {
      timer = left > longestMs ? setTimeout(() => wait(left - longestMs), longestMs) : setTimeout(run, left);
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
};
