/** A guest that is watched for the length of a window. */

import { isStillframeError } from '../../../model/errors.ts';
import type { Json } from '../../../protocol/json.ts';
import type { Monitor } from '../../channel/types.ts';
import type { GuestEvent, GuestWatch } from '../driver.ts';
import { queryState } from './identify.ts';
import type { MonitorUse } from './monitors.ts';

const events: Record<string, GuestEvent> = {
  STOP: 'stop',
  RESUME: 'resume',
  SHUTDOWN: 'shutdown',
  RESET: 'reset',
};

/** States of query-migrate in which no migration is under way; there is none before the first. */
const settled = new Set<Json | undefined>([undefined, 'none', 'completed', 'failed', 'cancelled']);

export async function watchGuest({ monitor, release }: MonitorUse): Promise<GuestWatch> {
  const listeners = new Set<(event: GuestEvent) => void>();
  const unheard: GuestEvent[] = [];
  const report = (event: GuestEvent) => {
    if (listeners.size === 0) unheard.push(event);
    for (const listener of listeners) listener(event);
  };
  const stopListening = monitor.onEvent(({ name, data }) => {
    const event = name === 'MIGRATION' && !settled.has(data.status) ? 'migration' : events[name];
    if (event) report(event);
  });
  void monitor.closed.then(() => report('gone'));
  const close = () => {
    stopListening();
    listeners.clear();
    release();
  };
  try {
    await reportMigrations(monitor);
    const state = await queryState(monitor);
    const { status } = (await monitor.execute('query-migrate')) as { status?: Json };
    return {
      state,
      migrating: !settled.has(status),
      on(listener) {
        listeners.add(listener);
        unheard.splice(0).forEach(listener);
      },
      close: async () => close(),
    };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * QEMU reports a migration only with the capability `events`, which does nothing else and which libvirt always sets. Without
 * it the first sign is STOP, when the guest's processors are stopped already, no thaw reaches it, and it resumes frozen elsewhere.
 * Refused while a migration is under way, and then it is seen by query-migrate.
 */
async function reportMigrations(monitor: Monitor): Promise<void> {
  try {
    await monitor.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
  } catch (error) {
    if (!isStillframeError(error, 'monitor-refused')) throw error;
  }
}
