/** One connection to each monitor, shared by all who need it here: QEMU serves one client at a time. */

import { openMonitor } from '../../channel/monitor.ts';
import type { Monitor } from '../../channel/types.ts';
import type { Log } from '../../../lib/log.ts';

export interface MonitorUse {
  monitor: Monitor;
  /** Call it once; the connection is closed after its last use. */
  release(): void;
}

export interface Monitors {
  use(path: string): Promise<MonitorUse>;
  /** For one question or a few. */
  ask<T>(path: string, questions: (monitor: Monitor) => Promise<T>): Promise<T>;
}

/** Steps of one backup follow one another within this; afterwards other tools may have the monitor. */
const lingerMs = 1_000;

export function createMonitors(log: Log): Monitors {
  const connections = new Map<string, { opening: Promise<Monitor>; users: number; closing?: NodeJS.Timeout }>();

  async function use(path: string): Promise<MonitorUse> {
    const known = connections.get(path);
    const connection = known ?? { opening: openMonitor({ path, log }), users: 0 };
    connections.set(path, connection);
    clearTimeout(connection.closing);
    connection.users++;
    const forget = () => {
      if (connections.get(path) === connection) connections.delete(path);
    };
    try {
      const monitor = await connection.opening;
      if (!known) void monitor.closed.then(forget);
      let released = false;
      return {
        monitor,
        release() {
          if (released) return;
          released = true;
          if (--connection.users > 0) return;
          connection.closing = setTimeout(() => {
            forget();
            monitor.close();
          }, lingerMs).unref();
        },
      };
    } catch (error) {
      forget();
      throw error;
    }
  }

  return {
    use,
    async ask(path, questions) {
      const { monitor, release } = await use(path);
      try {
        return await questions(monitor);
      } finally {
        release();
      }
    },
  };
}
