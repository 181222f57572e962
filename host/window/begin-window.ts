/** Everything that comes before a freeze is sent; it leaves nothing behind when it fails. */

import type { WindowRequest } from '../../model/window/window.ts';
import { grantLease } from '../../model/window/lease.ts';
import type { Log } from '../../lib/log.ts';
import type { Connect } from '../channel/types.ts';
import type { HostConfig } from '../config.ts';
import type { Driver, Guest, PreparedPoint } from '../drivers/driver.ts';
import type { Journal } from '../journal/journal.ts';
import { readClaim } from './claim.ts';
import { admitWindow } from './limits.ts';
import { openWindow, type OpenWindow } from './open-window.ts';
import { openPreferred, reachForThaw } from './reach.ts';
import { refuseUnlessRunning } from './refusals.ts';
import type { Turns } from './turns.ts';

export interface BegunWindow {
  guest: Guest;
  window: OpenWindow;
  /** Call it once, after the outcome: others wait for the guest until then. */
  endTurn: () => void;
}

export interface BeginParts {
  driver: Driver;
  journal: Journal;
  config: Pick<HostConfig, 'limits'>;
  connect: Connect;
  log: Log;
  turns: Turns;
  /** Asked right before the intent is written, because the host may have begun to end in the meantime. @throws to open no window */
  refuse: () => void;
}

/** `prepare` makes what the point in time needs, where the host takes it itself. */
export async function beginWindow<Prepared extends PreparedPoint | null>(
  { guest: id, backup, attempt, leaseMs: wantedMs }: WindowRequest,
  prepare: (guest: Guest) => Promise<Prepared>,
  { driver, journal, config, connect, log, turns, refuse }: BeginParts,
): Promise<BegunWindow & { prepared: Prepared }> {
  const leaseMs = grantLease(wantedMs, config.limits);
  const guest = await driver.guest(id);
  const undo = new AsyncDisposableStack();
  try {
    const endTurn = await turns.take(guest.id);
    undo.defer(endTurn);
    admitWindow(guest, await journal.closedAgo(guest.id), config.limits);
    const prepared = await prepare(guest);
    if (prepared) undo.defer(() => prepared.abandon());
    const watch = await driver.watch(guest);
    undo.defer(() => watch.close());
    refuseUnlessRunning(guest, watch);
    const { channel, address, otherAddress } = await openPreferred(guest, connect);
    undo.defer(() => channel.close());
    const claim = await readClaim(channel, guest, () => journal.intentOf(guest.id));
    refuse();
    const intent = await journal.begin({
      guest: guest.id,
      backup,
      attempt,
      leaseMs,
      guestName: guest.name,
      channel: address,
      otherChannel: otherAddress,
      claim,
    });
    const window = openWindow({
      intent,
      channel,
      connect: () => reachForThaw(intent, connect),
      watch,
      prepared,
      journal,
      log,
    });
    undo.move();
    return { guest, window, prepared, endTurn };
  } finally {
    await undo.disposeAsync();
  }
}
