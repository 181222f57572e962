/** Watches its parent as the warden watches the worker, and reports at the end how often it took it for dead. */

import { createLiveness } from '../../workers/warden/liveness.ts';

/** As the warden's. */
const watchMs = 500;

const liveness = createLiveness(process.ppid);
let deaths = 0;
const timer = setInterval(() => {
  if (liveness.isDead()) deaths++;
  liveness.asked();
  process.send!({ kind: 'ping' });
}, watchMs);
process.on('message', (message) => {
  liveness.answered();
  if (message !== 'end') return;
  clearInterval(timer);
  process.send!({ kind: 'deaths', deaths }, () => process.disconnect());
});
