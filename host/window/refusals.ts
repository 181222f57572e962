/** Errors for callers that get no window, one sentence each that ends with what to do. */

import { StillframeError } from '../../model/errors.ts';
import type { WindowKey, WindowOutcome } from '../../model/window/window.ts';
import type { Guest } from '../drivers/driver.ts';
import type { Intent } from '../journal/intent.ts';

export function workerDraining(): StillframeError {
  return new StillframeError(
    'window-gone',
    'this host worker is ending and opens no windows any more: try again when it is back',
  );
}

export function alreadyOpen(guest: Guest, { backup, epoch }: Intent): StillframeError {
  return new StillframeError(
    'window-open',
    `guest ${guest.name} is inside a window already (backup ${backup}, epoch ${epoch}): wait for it to close`,
    { guest: guest.id, backup, epoch },
  );
}

export function noSuchSnapshot(name: string, known: string[]): StillframeError {
  return new StillframeError(
    'snapshot-unknown',
    `this host has no snapshot command named ${name}; its file names: ${known.join(', ') || 'none'}`,
    { snapshot: name },
  );
}

export function busyWithOthers(guest: Guest): StillframeError {
  return new StillframeError(
    'channel-busy',
    `the channel of guest ${guest.name} is busy with what was asked before: try again when that has been answered`,
    { guest: guest.id },
  );
}

/** A snapshot that is taken of what is not known to be frozen, or beside another point in time, would be worth less than its record says. */
export function noSnapshotNow({ guest, backup, attempt }: WindowKey, taken: string | undefined): StillframeError {
  const why =
    taken === undefined
      ? 'is not a held window whose freeze the guest has confirmed'
      : `has its snapshot already, by the command ${taken}`;
  return new StillframeError(
    'window-open',
    `the window of backup ${backup}, attempt ${attempt}, ${why}: take the snapshot once, in a held window ("stillframe window run")`,
    { guest, backup, attempt },
  );
}

export function backupCaptured({ guest, backup }: WindowKey): StillframeError {
  return new StillframeError(
    'input-invalid',
    `backup ${backup} of guest ${guest} has a point in time already: each backup has one, so give another an id of its own`,
    { guest, backup },
  );
}

export function unconfirmed(intent: Intent): StillframeError {
  return new StillframeError(
    'thaw-unconfirmed',
    `guest ${intent.guestName} has not confirmed the thaw of epoch ${intent.epoch} yet; the host keeps demanding it`,
    { guest: intent.guest, epoch: intent.epoch },
  );
}

export function windowGone(key: WindowKey, outcome: WindowOutcome | null): StillframeError {
  const how = outcome
    ? `was ended by ${outcome.thawedBy}${outcome.failure ? ` (${outcome.failure.message})` : ''}`
    : 'does not exist on this host';
  return new StillframeError('window-gone', `the window of backup ${key.backup}, attempt ${key.attempt}, ${how}`, {
    backup: key.backup,
    attempt: key.attempt,
  });
}

export function refuseUnlessRunning(guest: Guest, { state, migrating }: { state: string; migrating: boolean }): void {
  if (state !== 'running') {
    throw new StillframeError(
      'guest-not-running',
      `guest ${guest.name} is ${state}, and an agent answers only while its guest runs: resume or start it first`,
      { guest: guest.id, state },
    );
  }
  if (migrating)
    throw new StillframeError('guest-migrating', `guest ${guest.name} is being migrated: try again when it has arrived`, {
      guest: guest.id,
    });
}
