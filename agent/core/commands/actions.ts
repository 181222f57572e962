/** What a host makes the guest do; loaded when the first of them is called. */

export { exec } from './guest-exec.ts';
export { execStatus } from './guest-exec-status.ts';
export { fstrim } from './guest-fstrim.ts';
export { setTime } from './guest-set-time.ts';
export { shutdown } from './guest-shutdown.ts';
