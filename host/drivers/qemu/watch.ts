/** A guest that is watched for the length of a window. */

import type { Json } from '../../../protocol/json.ts';
import type { MonitorEvent } from '../../channel/types.ts';
import type { GuestEvent, GuestWatch } from '../driver.ts';
import { queryState } from './identify.ts';
import type { MonitorUse } from './monitors.ts';

/**
 * QEMU tells of a migration that begins only when a capability is switched on, which would change the guest's own settings;
 * one that ends inside a window shows as STOP on this side all the same.
 */
const events: Record<string, GuestEvent> = {
  STOP: 'stop',
  RESUME: 'resume',
  SHUTDOWN: 'shutdown',
  RESET: 'reset',
  MIGRATION: 'migration',
};

export async function watchGuest({ monitor, release }: MonitorUse): Promise<GuestWatch> {
  const listeners = new Set<(event: GuestEvent) => void>();
  let open = true;
  const tell = (event: GuestEvent) => open && listeners.forEach((listener) => listener(event));
  monitor.onEvent(({ name }: MonitorEvent) => {
    const event = events[name];
    if (event) tell(event);
  });
  void monitor.closed.then(() => tell('gone'));
  try {
    const state = await queryState(monitor);
    const { status } = (await monitor.execute('query-migrate')) as { status?: Json };
    return {
      state,
      migrating: status === 'setup' || status === 'active' || status === 'pre-switchover' || status === 'device',
      on: (listener) => void listeners.add(listener),
      async close() {
        open = false;
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}
