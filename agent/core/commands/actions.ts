/** What a host has the guest do; read when the first of them is asked for. */

export { exec } from './guest-exec.ts';
export { execStatus } from './guest-exec-status.ts';
export { fstrim } from './guest-fstrim.ts';
export { setTime } from './guest-set-time.ts';
export { shutdown } from './guest-shutdown.ts';
