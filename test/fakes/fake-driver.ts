/** A driver whose one guest does what a test says: run states, events, points in time that fail or hang. */

import type { Driver, Guest, GuestEvent, PreparedPoint } from '../../host/drivers/driver.ts';
import type { DiskPlaces } from '../../model/window/places.ts';
import { StillframeError } from '../../model/errors.ts';

export interface FakeDriver extends Driver {
  guestHas(event: GuestEvent): void;
  /** Calls in order: `prepare`, `begin`, `abandon`, `end`, `settle true`, `settle false`. */
  readonly calls: string[];
  state: string;
  migrating: boolean;
  /** What the transaction does; succeeds at once by default. */
  begin: () => Promise<void>;
  /** Where its disks are attached: those of the fake agent's filesystems. */
  places: DiskPlaces;
  /** What preparing does before it succeeds. */
  prepare: () => Promise<void>;
}

export function createFakeDriver(guest: Guest): FakeDriver {
  const listeners = new Set<(event: GuestEvent) => void>();
  const calls: string[] = [];
  const driver: FakeDriver = {
    calls,
    state: 'running',
    migrating: false,
    begin: async () => {},
    prepare: async () => {},
    places: { captured: ['0000:00:02.0', '0000:00:03.0'], others: [] },
    guestHas: (event) => listeners.forEach((listener) => listener(event)),
    inventory: async () => [],
    async guest(id) {
      if (id !== guest.id) throw new StillframeError('guest-unknown', `no guest ${id}`);
      return guest;
    },
    async watch() {
      const mine = new Set<(event: GuestEvent) => void>();
      return {
        state: driver.state,
        migrating: driver.migrating,
        on(listener) {
          mine.add(listener);
          listeners.add(listener);
        },
        async close() {
          for (const listener of mine) listeners.delete(listener);
        },
      };
    },
    definition: () => Promise.reject(new StillframeError('monitor-unreachable', 'no definition here')),
    pointInTime: {
      async prepare(): Promise<PreparedPoint> {
        calls.push('prepare');
        await driver.prepare();
        return {
          disks: [{ name: 'disk0', device: 'd0', bytes: 1024 }],
          skipped: [],
          places: driver.places,
          begin() {
            calls.push('begin');
            return driver.begin();
          },
          async abandon() {
            calls.push('abandon');
          },
        };
      },
      exports: () => Promise.reject(new StillframeError('point-in-time-lost', 'no exports here')),
      verify: async () => {},
      guard: async () => {},
      async settle(_, __, committed) {
        calls.push(`settle ${committed}`);
      },
      async end() {
        calls.push('end');
      },
      leftovers: async () => [],
    },
  };
  return driver;
}
